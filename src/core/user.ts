// Who is asking, in Kubernetes' words (authentication.k8s.io/v1 UserInfo).

export interface User {
  readonly name: string;
  /** Empty when the authenticator knows none. */
  readonly uid: string;
  /** Includes `system:authenticated`. */
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** The group that every authenticated user is in. */
export const SYSTEM_AUTHENTICATED = 'system:authenticated';

/** How a user proved who they are. */
export interface Authentication {
  readonly user: User;
  readonly method: 'x509' | 'jwt';
  /** When the presented credential stops being valid, in milliseconds since the epoch. */
  readonly expiresAt: number;
}
