// Who is asking, in Kubernetes' words (authentication.k8s.io/v1 UserInfo).

export interface User {
  readonly name: string;
  /** Empty when the authenticator knows none. */
  readonly uid: string;
  /** Includes `system:authenticated`, but for the anonymous. */
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Key of extra under which Kubernetes puts the identity of the credential itself (apiserver pkg/authentication/user). */
export const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';

/** The group that every authenticated user is in. */
export const SYSTEM_AUTHENTICATED = 'system:authenticated';

/** Who comes without a credential, where that is allowed (apiserver pkg/authentication/user). */
export const ANONYMOUS: User = {
  name: 'system:anonymous',
  uid: '',
  groups: ['system:unauthenticated'],
  extra: {},
};

/** Which sign-in at an identity provider a credential comes of: what a logout at the provider names. */
export interface SignIn {
  readonly issuer: string;
  /** The issuer's own name of the person, `sub`. */
  readonly subject: string;
  /** The issuer's name of the sign-in, `sid` (OpenID Connect Back-Channel Logout 1.0 §2.1), where it gives one. */
  readonly sid?: string;
  /** When it was, in milliseconds since the epoch by the issuer's clock; a token that does not say counts as old. */
  readonly at: number;
  /** When the person last proved who they are (`auth_time`), in milliseconds since the epoch; absent: it is not said. */
  readonly authenticatedAt?: number;
  /** Authentication context class (`acr`). */
  readonly acr?: string;
  /** Authentication methods (`amr`, RFC 8176). */
  readonly amr?: readonly string[];
  /** The gateway's own session, when a browser's cookie is the credential. */
  readonly session?: string;
}

/** Until when what runs on a credential may go on, by what is known at this moment. In milliseconds since the epoch. */
export interface Validity {
  /** The end of the credential, after which there is a grace. */
  readonly expiresAt: number;
  /** The end of what the credential is of, after which there is none. */
  readonly endsAt: number;
}

/** How a user proved who they are. */
export interface Authentication {
  readonly user: User;
  readonly method: 'x509' | 'jwt' | 'tokenReview' | 'session' | 'anonymous';
  /** The issuer of a JWT, as its `iss` says and as the configuration names it. */
  readonly issuer?: string;
  /** Present for tokens of an issuer and for sessions of browsers. */
  readonly signIn?: SignIn;
  /** When the presented credential stops being valid, in milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Present where it may be renewed while something runs on it. Counts instead of `expiresAt` for what runs. */
  readonly validity?: () => Validity;
  /**
   * The claims of a JWT, where a credential mapping looks at claims; nobody else may. A function, so that neither a log
   * nor an event prints them.
   */
  readonly claims?: () => Readonly<Record<string, unknown>>;
}
