// What runs on behalf of which sign-in: the exchanges that a logout must end, streams first of all.

import type { Lifetime } from '../core/lifetime.ts';
import type { SignIn } from '../core/user.ts';
import type { Revocation } from './revocations.ts';

export interface LiveSignIns {
  /** Keeps the exchange until it ends. */
  add(signIn: SignIn, lifetime: Lifetime): void;
  /** Ends what is over, and says how many that were. */
  end(revocation: Revocation): number;
}

export function createLiveSignIns(): LiveSignIns {
  const live = new Map<Lifetime, SignIn>();
  return {
    add: (signIn, lifetime) => {
      if (lifetime.ended) return;
      live.set(lifetime, signIn);
      lifetime.onEnd(() => live.delete(lifetime));
    },
    end: (revocation) => {
      const over = [...live].filter(([, signIn]) => isOf(signIn, revocation));
      for (const [lifetime] of over) lifetime.end('signedOut');
      return over.length;
    },
  };
}

function isOf(signIn: SignIn, revocation: Revocation): boolean {
  switch (revocation.kind) {
    case 'session':
      return signIn.session === revocation.session;
    case 'sid':
      return signIn.issuer === revocation.issuer && signIn.sid === revocation.sid;
    case 'subject':
      return (
        signIn.issuer === revocation.issuer &&
        signIn.subject === revocation.subject &&
        signIn.at <= revocation.until &&
        (revocation.unnamedSessions !== true || (signIn.session !== undefined && signIn.sid === undefined))
      );
  }
}
