// Bearer JWTs of the configured issuers: which issuer a token says it is from decides who verifies it, and only that
// issuer does. One instance is one configuration; a reload makes another one, which has verified nothing yet.

import type { AuthenticationSettings } from '../../core/configuration.ts';
import type { GetJson } from '../../outbound/http-get.ts';
import type { TokenAuthenticator } from '../identify.ts';
import { unauthorized } from '../refusals.ts';
import { createTokenCache } from '../token-cache.ts';
import type { Checked } from '../token-cache.ts';
import { createFetchKeys } from './discovery.ts';
import { createIssuer } from './issuer.ts';
import { createKeySet } from './key-set.ts';
import type { KeySet, KeySetDeps } from './key-set.ts';
import type { LoadedKeys } from './loaded-keys.ts';
import { createLogoutReader } from './logout-token.ts';
import type { Logout, ReadLogout } from './logout-token.ts';
import { readUnverified } from './token.ts';

export type JwtOptions = AuthenticationSettings['jwt'] & {
  readonly issuers: AuthenticationSettings['issuers']['jwt'];
  readonly cache: AuthenticationSettings['tokenCache'];
  /** Whether the claims of a verified token are kept with it. Default false. */
  readonly keepClaims?: boolean;
};

export type JwtDeps = { readonly getJson: GetJson } & Pick<KeySetDeps, 'clock' | 'log' | 'onRefresh'>;

export interface JwtAuthenticator {
  readonly authenticate: (token: string) => ReturnType<TokenAuthenticator>;
  /**
   * Verifies a logout token of the issuer for the client. Rejects with a Fault: Unauthorized when it does not count,
   * ServiceUnavailable when the issuer's keys cannot be had.
   */
  readonly readLogout: (issuer: string, clientID: string, token: string) => Promise<Logout>;
  /** Forgets which tokens have been verified. */
  flush(): void;
  /** For readiness; `ready` answers undefined, or why the issuer's tokens cannot be verified. */
  readonly issuers: readonly { readonly url: string; ready(): string | undefined }[];
  /** Fetches all keys, and keeps them fresh until stop(). Resolves when every first attempt has ended. Never rejects. */
  start(): Promise<void>;
  stop(): void;
  /** Keys by the issuers that published them, for a successor. */
  snapshot(): KeySnapshot;
}

export type KeySnapshot = ReadonlyMap<string, LoadedKeys>;

/** Throws an Error when an issuer is there twice. `before` is a predecessor's snapshot. */
export function createJwtAuthenticator(
  { getJson, ...ports }: JwtDeps,
  options: JwtOptions,
  before: KeySnapshot = new Map(),
): JwtAuthenticator {
  const issuers = new Map<
    string,
    {
      fingerprint: string;
      keySet: KeySet;
      verify: (token: string) => Promise<Checked>;
      readLogout: ReadLogout;
    }
  >();
  for (const issuer of options.issuers) {
    const { url, discoveryURL, certificateAuthority } = issuer.issuer;
    if (issuers.has(url)) throw new Error(`the issuer ${url} is configured twice`);
    // Keys may be taken over only where they would be fetched from the same place under the same trust.
    const fingerprint = JSON.stringify([url, discoveryURL, certificateAuthority]);
    const fetchKeys = createFetchKeys({ getJson }, issuer.issuer);
    const keySet = createKeySet({ issuer: url, fetchKeys, ...ports }, options, before.get(fingerprint));
    const verifyToken = createIssuer({ keySet, clock: ports.clock }, issuer, options);
    const verify = async (token: string): Promise<Checked> => {
      const { authentication, thumbprint } = await verifyToken(token);
      return { authentication, holds: () => keySet.has(thumbprint) };
    };
    const readLogout = createLogoutReader({ keySet, clock: ports.clock }, url, options);
    issuers.set(url, { fingerprint, keySet, verify, readLogout });
  }

  const verify = async (token: string): Promise<Checked> => {
    const issuer = issuers.get(readUnverified(token, options.algorithms));
    if (issuer === undefined) throw unauthorized('the bearer token is refused: its issuer is not accepted');
    return issuer.verify(token);
  };

  const authenticate = createTokenCache({ clock: ports.clock, verify }, options.cache);
  return {
    authenticate,
    flush: () => authenticate.flush(),
    readLogout: async (issuer, clientID, token) => {
      const known = issuers.get(issuer);
      if (known === undefined) throw new Error(`there is no issuer ${issuer}`);
      return known.readLogout(clientID, token);
    },
    issuers: [...issuers].map(([url, { keySet }]) => ({ url, ready: () => keySet.ready() })),
    async start() {
      await Promise.all([...issuers.values()].map(({ keySet }) => keySet.start()));
    },
    stop() {
      for (const { keySet } of issuers.values()) keySet.stop();
    },
    snapshot() {
      const snapshot = new Map<string, LoadedKeys>();
      for (const { fingerprint, keySet } of issuers.values()) {
        const keys = keySet.snapshot();
        if (keys !== undefined) snapshot.set(fingerprint, keys);
      }
      return snapshot;
    },
  };
}
