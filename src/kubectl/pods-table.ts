// The server-side table of pods (KEP-601) with the columns of `kubectl get pods` (pkg/printers/internalversion), made of
// pods that nobody vouches for.

import { toHumanDuration } from './human-duration.ts';
import { toStatusCells } from './pod-status.ts';
import { at, field, list, text, time } from './untrusted.ts';

const column = (name: string, priority: number, description: string, format = ''): object => ({
  name,
  type: 'string',
  format,
  description,
  priority,
});

/** Priority 1 is shown by `-o wide` only. */
export const POD_COLUMNS = [
  column('Name', 0, 'Name of the pod, unique in its namespace.', 'name'),
  column('Ready', 0, 'Containers that are ready, of all that should be.'),
  column('Status', 0, 'The phase of the pod, or why it is not simply running.'),
  column('Restarts', 0, 'Restarts of the containers, and how long ago the last one was.'),
  column('Age', 0, 'Time since the pod was created.'),
  column('IP', 1, 'Address of the pod.'),
  column('Node', 1, 'Node on which the pod runs.'),
  column('Nominated Node', 1, 'Node that a preemption has set aside for the pod.'),
  column('Readiness Gates', 1, 'Readiness gates that have passed, of all.'),
] as const;

const NONE = '<none>';

/** A node's words end up in a terminal: nothing in a cell may steer it. */
const printable = (cell: string): string => cell.replace(/\p{Cc}/gu, '\uFFFD');

/** One for each column. `now` in milliseconds since the epoch. */
export function toPodCells(pod: unknown, now: number): readonly string[] {
  const { ready, status, restarts } = toStatusCells(pod, now);
  // A kubelet that runs a static pod from a file has no creation time of it before an API server does.
  const since = time(at(pod, 'metadata', 'creationTimestamp')) ?? time(at(pod, 'status', 'startTime'));
  return [
    text(at(pod, 'metadata', 'name')),
    ready,
    status,
    restarts,
    since === undefined ? '<unknown>' : toHumanDuration(now - since),
    text(field(list(at(pod, 'status', 'podIPs'))[0], 'ip')) || text(at(pod, 'status', 'podIP')) || NONE,
    text(at(pod, 'spec', 'nodeName')) || NONE,
    text(at(pod, 'status', 'nominatedNodeName')) || NONE,
    toReadinessGates(pod),
  ].map(printable);
}

function toReadinessGates(pod: unknown): string {
  const gates = list(at(pod, 'spec', 'readinessGates')).map((gate) => text(field(gate, 'conditionType')));
  if (gates.length === 0) return NONE;
  const conditions = list(at(pod, 'status', 'conditions'));
  const passed = gates.filter((gate) =>
    conditions.some(
      (condition) => field(condition, 'type') === gate && field(condition, 'status') === 'True',
    ),
  );
  return `${passed.length}/${gates.length}`;
}
