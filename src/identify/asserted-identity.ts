// Refuses headers by which a client or a front proxy would say who the user is: Kubernetes impersonation and the
// request-header authenticator's X-Remote-*. Dropping them in silence would run `kubectl --as` with the caller's own
// rights; passing them on would lend them the gateway's.

import { Fault } from '../core/fault.ts';
import type { HeaderLines } from '../core/headers.ts';

/** Throws a Fault (Forbidden) when there is one, whatever the credential. Case and `_` for `-` make no difference. */
export function refuseAssertedIdentity(headers: HeaderLines): void {
  for (const name of headers.names()) {
    const first = name.charCodeAt(0);
    // Most names end here: neither `i` nor `x`.
    if (first !== 0x69 && first !== 0x78) continue;
    const dashed = name.replaceAll('_', '-');
    if (dashed.startsWith('impersonate-')) {
      throw new Fault('Forbidden', 'impersonation is not offered: send no Impersonate-* header');
    }
    if (dashed.startsWith('x-remote-')) {
      throw new Fault(
        'Forbidden',
        'identities asserted by a proxy are not accepted: send no X-Remote-* header',
      );
    }
  }
}
