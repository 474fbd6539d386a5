// The nodes as kubectl asks for them: all of them at the root, and under a node's own server URL that one.

import type { NodeName } from '../core/names.ts';
import type { View } from '../core/operation.ts';
import { Fault } from '../core/fault.ts';
import { negotiate, PLAIN } from '../kubectl/accept.ts';
import { parseLabelSelector } from '../kubectl/label-selector.ts';
import { TABLE } from './forms.ts';
import { LIST_IGNORED } from './list-parameters.ts';
import { parseNodeName } from './path-names.ts';
import type { AnswerRoute, RouteInput } from './route.ts';
import { readTruthy } from './values.ts';

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
      view: readNodesView(input),
    },
  }),
};

const readNode = ({ names }: RouteInput): { readonly name?: NodeName } =>
  names.has('node') ? { name: parseNodeName(names.get('node')) } : {};

function readNodesView(input: RouteInput): View {
  refuseSelectors(input);
  input.parameters.one('includeObject');
  return negotiate(input.accept, [PLAIN, TABLE]) === TABLE ? 'Table' : 'Object';
}

/** Selectors and watches of what a list does not offer are refused, and never silently left out. */
function refuseSelectors({ parameters }: RouteInput): void {
  if (readTruthy(parameters, 'watch')) {
    throw new Fault('MethodNotAllowed', 'watch is not offered: ask for the list again', {
      headers: { allow: 'GET' },
    });
  }
  for (const name of ['fieldSelector', 'continue']) {
    if ((parameters.one(name) ?? '') !== '')
      throw new Fault('BadRequest', `${name} is not offered for this list`);
  }
}
