// The nodes as kubectl asks for them: all of them at the root, and under a node's own server URL that one.

import type { NodeName } from '../core/names.ts';
import type { PodsView, WatchOptions } from '../core/action.ts';
import { NODE_FIELDS, parseFieldSelector } from '../kubectl/field-selector.ts';
import { parseLabelSelector } from '../kubectl/label-selector.ts';
import { negotiateList, negotiateOne } from './forms.ts';
import { readWatch } from './list-options.ts';
import { LIST_IGNORED } from './list-parameters.ts';
import { badParameter } from './parameters.ts';
import { parseNodeName } from './path-names.ts';
import type { AnswerRoute, RouteInput } from './route.ts';

export const NODES_ROUTE: AnswerRoute = {
  kind: 'answer',
  paths: ['/api/v1/nodes', '/api/v1/nodes/{node}'],
  ignored: LIST_IGNORED,
  methods: ['GET'],
  answer: (input) => ({
    kind: 'fleet',
    query: {
      kind: 'nodes',
      ...(input.within === undefined ? {} : { within: input.within }),
      ...readNode(input),
      labelSelector: parseLabelSelector(input.parameters.one('labelSelector') ?? ''),
      fieldSelector: parseFieldSelector(input.parameters.one('fieldSelector') ?? '', NODE_FIELDS),
      ...readView(input),
    },
  }),
};

const readNode = ({ names }: RouteInput): { readonly name?: NodeName } =>
  names.has('node') ? { name: parseNodeName(names.get('node')) } : {};

/** One node is not watched by its name: a watch is of a list. */
function readView({ names, parameters, accept }: RouteInput): {
  readonly view: PodsView['as'];
  readonly watch?: WatchOptions;
} {
  parameters.one('includeObject');
  // The whole list is always answered, which a server may do.
  if ((parameters.one('continue') ?? '') !== '') throw badParameter('continue', 'is of no list of nodes');
  const { watch } = readWatch(parameters);
  if (names.has('node') && watch !== undefined) {
    throw badParameter('watch', 'is for lists: use fieldSelector=metadata.name=NAME');
  }
  const isList = !names.has('node') && watch === undefined;
  return {
    view: isList ? negotiateList(accept) : negotiateOne(accept),
    ...(watch === undefined ? {} : { watch }),
  };
}
