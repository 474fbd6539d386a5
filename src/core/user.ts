// Who is asking, in Kubernetes' words (authentication.k8s.io/v1 UserInfo).

export interface User {
  readonly name: string;
  /** Empty when the authenticator knows none. */
  readonly uid: string;
  /** Includes `system:authenticated`, but for the anonymous. */
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** The group that every authenticated user is in. */
export const SYSTEM_AUTHENTICATED = 'system:authenticated';

/** Who comes without a credential, where that is allowed (apiserver pkg/authentication/user). */
export const ANONYMOUS: User = {
  name: 'system:anonymous',
  uid: '',
  groups: ['system:unauthenticated'],
  extra: {},
};

/** How a user proved who they are. */
export interface Authentication {
  readonly user: User;
  readonly method: 'x509' | 'jwt' | 'tokenReview' | 'anonymous';
  /** The issuer of a JWT, as its `iss` says and as the configuration names it. */
  readonly issuer?: string;
  /** When the presented credential stops being valid, in milliseconds since the epoch. */
  readonly expiresAt: number;
  /**
   * The claims of a JWT, where a credential mapping looks at claims; nobody else may. A function, so that neither a log
   * nor an event prints them.
   */
  readonly claims?: () => Readonly<Record<string, unknown>>;
}
