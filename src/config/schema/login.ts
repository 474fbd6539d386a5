// The part of GatewayConfiguration that is about people who sign in with a browser.

import { z } from 'zod';
import { REPLICAS } from '../../core/login.ts';
import { dialPort, duration, fileName, host, label, nonEmpty } from './scalars.ts';
import { distinct, someOf, strict } from './strict.ts';

const ORIGIN = 'must be an https URL without a path, such as "https://gateway.example.org"';

/** As a browser writes it, whatever the operator has written: lower case, no port 443, no slash. */
const origin = z.string().transform((text, ctx) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url?.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  if (url?.protocol === 'https:' && isPlain && url.password === '' && !text.includes('?')) return url.origin;
  ctx.addIssue({ code: 'custom', message: ORIGIN });
  return z.NEVER;
});

/** RFC 6749 §3.3 scope-token. */
const scope = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, { error: 'must be one scope, without spaces' });

const provider = strict({
  name: label.describe(
    'Name of the provider: part of paths, and of the redirect URI that the provider knows.',
  ),
  displayName: nonEmpty.exactOptional().describe('What people read. Default: the name.'),
  issuer: nonEmpty.describe(
    'URL of an issuer in authentication.configurationFile: it verifies the ID tokens and maps their claims.',
  ),
  clientID: nonEmpty.describe(
    "The gateway's client id at the provider. Must be among the issuer's audiences.",
  ),
  clientSecretFile: fileName
    .exactOptional()
    .describe('The client secret. Default: a public client, with PKCE alone.'),
  scopes: someOf(scope, 'scope')
    .check(distinct('scope'))
    .prefault(['openid'])
    .describe(
      'What is asked for. Must hold openid; offline_access asks for a refresh token at many providers.',
    ),
  rotatesRefreshTokens: z
    .boolean()
    .prefault(true)
    .describe('Whether the provider takes each refresh token once only.'),
});

const redis = strict({
  address: host.describe('Host of a Redis or Valkey server.'),
  port: dialPort.prefault(6379).describe('Its port.'),
  username: nonEmpty.exactOptional().describe('User of its ACL. Default: the default user.'),
  passwordFile: fileName.exactOptional().describe('The password.'),
  tls: strict({
    certificateAuthorityFile: fileName
      .exactOptional()
      .describe("PEM of the authorities that its certificate must chain to. Default: the system's."),
    serverName: host
      .exactOptional()
      .describe('The name that its certificate must have. Default: the address.'),
  })
    .exactOptional()
    .describe('TLS. Only a server on loopback may be spoken to without.'),
  keyPrefix: z
    .string()
    .regex(/^[A-Za-z0-9:._-]{1,64}$/, { error: 'must be 1 to 64 letters, digits, and ":", ".", "_", "-"' })
    .prefault('kubelet-gateway:')
    .describe('What all keys and channels begin with.'),
});

export const login = strict({
  externalURLs: someOf(origin, 'URL')
    .check(distinct('URL'))
    .describe("The gateway's addresses as browsers know them. A session counts at these and nowhere else."),
  providers: someOf(provider, 'provider').describe(
    'Who may be asked who somebody is. One: people are not asked which.',
  ),
  cookieKeyFiles: someOf(fileName, 'file').describe(
    'Files with the keys of cookies, each base64 of at least 32 random bytes. The first encrypts, all decrypt.',
  ),
  idle: duration('1m', '7d').prefault('1h').describe('A session that is not used for so long is over.'),
  absolute: duration('1m', '30d')
    .prefault('12h')
    .describe('A session is over then, whatever it is used for.'),
  replicas: z
    .enum(REPLICAS)
    .prefault('one')
    .describe(
      'Whether other gateways serve the same addresses with the same keys. several: logouts reach all of them, and refresh tokens that are good once are kept, only with redis.',
    ),
  redis: redis
    .exactOptional()
    .describe('What several gateways remember together. No session counts while it is out of reach.'),
})
  .optional()
  .describe('Signing in with a browser (docs/login.md). Without this section nobody does.');
