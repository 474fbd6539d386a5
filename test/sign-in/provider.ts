// A real OpenID provider (the certified oidc-provider package) over TLS with a person's forms: authorization code, device
// code, refresh tokens that rotate. Run as a process, it prints its issuer; as a module it is started in this one.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:https';
import { Provider } from 'oidc-provider';
import type { Configuration } from 'oidc-provider';
import { createAuthority } from '../support/pki.ts';

export interface PeopleProvider {
  readonly issuer: string;
  readonly certificateAuthority: string;
  /** Requests to the token endpoint since the start. */
  readonly tokenRequests: () => number;
  /** Refresh tokens that were given back. */
  readonly handedBack: () => readonly string[];
  close(): Promise<void>;
}

export const CLIENT_ID = 'kubelet-gateway-cli';

/** `idTokenSeconds` is how long an ID token lives. */
export async function startPeopleProvider({
  idTokenSeconds = 3600,
  hasDeviceFlow = true,
  deviceCodeSeconds = 60,
}: {
  readonly idTokenSeconds?: number;
  readonly hasDeviceFlow?: boolean;
  readonly deviceCodeSeconds?: number;
} = {}): Promise<PeopleProvider> {
  const authority = await createAuthority('provider CA');
  const { certificate, key } = await authority.issue({ ipAddresses: ['127.0.0.1'], usages: ['server'] });
  const server = createServer({ cert: certificate, key });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const issuer = `https://127.0.0.1:${address.port}`;
  const provider = new Provider(
    issuer,
    toConfiguration({ idTokenSeconds, hasDeviceFlow, deviceCodeSeconds }),
  );
  const answer = provider.callback();
  let tokenRequests = 0;
  const handedBack: string[] = [];
  provider.on('refresh_token.destroyed', ({ jti }) => handedBack.push(jti));
  server.on('request', (request, response) => {
    if (request.url === '/token') tokenRequests += 1;
    void answer(request, response);
  });
  return {
    issuer,
    certificateAuthority: authority.certificate,
    tokenRequests: () => tokenRequests,
    handedBack: () => handedBack,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function toConfiguration({
  idTokenSeconds,
  hasDeviceFlow,
  deviceCodeSeconds,
}: {
  readonly idTokenSeconds: number;
  readonly hasDeviceFlow: boolean;
  readonly deviceCodeSeconds: number;
}): Configuration {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    clients: [
      {
        client_id: CLIENT_ID,
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: [
          'authorization_code',
          'refresh_token',
          ...(hasDeviceFlow ? ['urn:ietf:params:oauth:grant-type:device_code'] : []),
        ],
        response_types: ['code'],
        // RFC 8252 §7.3: any port of the loopback address.
        redirect_uris: ['http://127.0.0.1/callback'],
        id_token_signed_response_alg: 'ES256',
        require_auth_time: true,
      },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'people-1' }] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    claims: { openid: ['sub', 'groups'], auth_time: null, acr: null },
    acrValues: ['urn:example:mfa'],
    features: {
      revocation: { enabled: true },
      deviceFlow: { enabled: hasDeviceFlow },
      devInteractions: { enabled: true },
    },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, groups: ['sre'] }) }),
    rotateRefreshToken: true,
    issueRefreshToken: () => true,
    ttl: {
      IdToken: idTokenSeconds,
      AccessToken: 3600,
      Grant: 3600,
      Session: 3600,
      Interaction: 3600,
      RefreshToken: 3600,
      DeviceCode: deviceCodeSeconds,
      AuthorizationCode: 60,
    },
  };
}
