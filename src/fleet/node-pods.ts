// The pods of the one node that the server URL names, in the node's own words: all of them, or in parts.

import type { PodsView } from '../core/action.ts';
import type { Authorized } from '../core/exchange.ts';
import type { Clock } from '../core/ports.ts';
import { parseContinueToken, toContinueToken } from '../kubectl/continue-token.ts';
import { renderPods, renderSelected } from '../kubectl/pods-view.ts';
import { toTracedPods } from './own-pods.ts';
import { inOrder, toListText, toPart } from './pods-list.ts';
import { remember } from './pods-answer.ts';
import type { Positions } from './positions.ts';

/** Throws a Fault: NotFound, BadGateway for what is no list, BadRequest and Expired for a `continue`. */
export const createNodePods =
  ({ clock, positions }: { readonly clock: Clock; readonly positions: Positions }) =>
  (
    asked: Authorized,
    view: PodsView,
    podList: unknown,
  ): { readonly contentType: string; readonly body: string } => {
    const now = clock.now();
    if (view.name !== undefined) return renderPods(podList, view, now);
    const { node } = asked;
    const list = toListText('pods', asked, view, node);
    const { limit = Infinity, continuation } = view.page ?? {};
    const from = continuation === undefined ? undefined : parseContinueToken(continuation, list, now);
    const all = toTracedPods(podList, node, view);
    const pods = from === undefined ? all : all.filter(({ key }) => key > from.after);
    const { part, next } = toPart([{ node, pods }], undefined, { limit, maxCharacters: Infinity });
    const resourceVersion = from?.resourceVersion ?? positions.next();
    remember(positions, list, resourceVersion, from, part);
    const token =
      next === undefined ? {} : { continue: toContinueToken(list, now, { resourceVersion, ...next }) };
    const shown = inOrder(part).map(({ pod }) => pod);
    return renderSelected(shown, view, now, { resourceVersion, ...token });
  };
