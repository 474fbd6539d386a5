// Certificates for tests: the project's own issuing code, under the name that tests use.

import { createAuthority as createRealAuthority } from '../../src/pki/issue.ts';
import type { Authority } from '../../src/pki/issue.ts';

export type TestAuthority = Authority;

/** A fresh self-signed root, valid from an hour ago; it issues client and server certificates for a day. */
export const createAuthority = (name: string): Promise<TestAuthority> => createRealAuthority(name);
