// The stage resolve of the admin listener. Pure, as its sibling is: what a path means and requires, and nothing about
// whether the thing is there.

import type { Found, Identified } from '../core/exchange.ts';
import { Fault } from '../core/fault.ts';
import { ADMIN_ROUTES } from './admin-paths.ts';
import { createParameters } from './parameters.ts';
import { createMatcher } from './route.ts';
import { parseTarget } from './target.ts';
import { refuseUpgrade } from './transport.ts';

/** Throws Faults: BadRequest, NotFound, MethodNotAllowed (with `allow`), NotAcceptable. */
export function createAdminResolve({
  version,
}: {
  readonly version: string;
}): (identified: Identified) => Found {
  const match = createMatcher(ADMIN_ROUTES);
  return (identified) => {
    const { method, headers } = identified;
    const target = parseTarget(identified.target);
    if (target.encoded) throw new Fault('BadRequest', 'percent-encoding is not accepted in a path here');
    const found = match(target.segments);
    if (found === undefined) throw new Fault('NotFound', 'the admin listener has no such path');
    const { route, names } = found;
    if (!route.methods.some((allowed) => allowed === method)) {
      throw new Fault('MethodNotAllowed', 'the method is not allowed on this path', {
        headers: { allow: route.methods.join(', ') },
      });
    }
    refuseUpgrade(headers);
    const parameters = createParameters(target.pairs, route.ignored ?? []);
    const input = {
      method,
      names,
      parameters,
      accept: headers.all('accept'),
      prefix: '',
      gitVersion: version,
    };
    if (route.kind === 'answer') {
      const answer = route.answer(input);
      parameters.finish();
      return { ...identified, answer };
    }
    if (route.kind !== 'own') throw new Error('a route of the admin listener is for a node');
    const own = route.own(input);
    parameters.finish();
    return { ...identified, ...own };
  };
}
