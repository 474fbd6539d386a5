// How people sign in with a browser: where, with whom, and for how long. `config/` makes it from the login section.

import type { Secret } from './secret.ts';

/** Who may be asked who somebody is: a client that is registered at one of the configured issuers. */
export interface LoginProviderSettings {
  /** A DNS-1123 label; part of paths. */
  readonly name: string;
  /** For people. */
  readonly displayName: string;
  /** The URL of one of the issuers of AuthenticationConfiguration, which verifies and maps the ID tokens. */
  readonly issuer: string;
  /** Where the issuer's discovery document is, when it is not below `issuer`. */
  readonly discoveryURL?: string;
  /** PEM; absent: the system's roots. */
  readonly certificateAuthority?: string;
  readonly clientID: string;
  /** Absent: a public client. */
  readonly clientSecret?: Secret;
  /** Includes `openid`. */
  readonly scopes: readonly string[];
  /** Whether a refresh token is good once only. */
  readonly rotatesRefreshTokens: boolean;
}

export const REPLICAS = ['one', 'several'] as const;
export type Replicas = (typeof REPLICAS)[number];

/** A Redis or Valkey server. */
export interface RedisSettings {
  readonly address: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: Secret;
  /** Absent: plain TCP, on loopback only. `certificateAuthority` is PEM; absent: the system's roots. */
  readonly tls?: { readonly certificateAuthority?: string; readonly serverName: string };
  /** Of all keys and channels. */
  readonly keyPrefix: string;
}

export interface LoginSettings {
  /** `https://host[:port]`, as browsers write it; what the gateway is called from outside. */
  readonly origins: readonly [string, ...string[]];
  readonly providers: readonly [LoginProviderSettings, ...LoginProviderSettings[]];
  /** At least 32 random bytes each, in base64. The first encrypts, all decrypt. */
  readonly cookieKeys: readonly [Secret, ...Secret[]];
  /** A session that is not used for so long is over. */
  readonly idleMs: number;
  /** A session is over then, whatever it is used for. */
  readonly absoluteMs: number;
  readonly replicas: Replicas;
  /** Absent: what must be remembered is remembered by each replica for itself. */
  readonly redis?: RedisSettings;
}
