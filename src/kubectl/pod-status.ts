// The cells READY, STATUS and RESTARTS of `kubectl get pods`, as the API server computes them
// (pkg/printers/internalversion/printers.go, printPod), from a pod that nobody vouches for.

import { toHumanDuration } from './human-duration.ts';
import { at, count, field, integer, isRecord, list, text, time } from './untrusted.ts';

export interface PodStatusCells {
  readonly ready: string;
  readonly status: string;
  readonly restarts: string;
}

/** What one pass over container statuses adds up. */
interface Tally {
  readonly reason: string;
  readonly ready: number;
  readonly restarts: number;
  readonly lastRestart: number;
}

/** `now` in milliseconds since the epoch. */
export function toStatusCells(pod: unknown, now: number): PodStatusCells {
  const sidecars = sidecarsOf(pod);
  const total = list(at(pod, 'spec', 'containers')).length + sidecars.size;
  const init = tallyInit(pod, sidecars);
  const tally =
    init.reason === undefined || conditionIs(pod, 'Initialized', 'True')
      ? tallyContainers(pod, { ...init.sidecars, reason: init.reason ?? initialReason(pod) })
      : { ...init.all, reason: init.reason };
  const { restarts, lastRestart } = tally;
  const when = restarts === 0 || lastRestart === 0 ? '' : ` (${toHumanDuration(now - lastRestart)} ago)`;
  return {
    ready: `${tally.ready}/${total}`,
    status: deletionReason(pod) ?? tally.reason,
    restarts: `${restarts}${when}`,
  };
}

function initialReason(pod: unknown): string {
  const gated = list(at(pod, 'status', 'conditions')).some(
    (condition) =>
      field(condition, 'type') === 'PodScheduled' && field(condition, 'reason') === 'SchedulingGated',
  );
  if (gated) return 'SchedulingGated';
  return text(at(pod, 'status', 'reason')) || text(at(pod, 'status', 'phase'));
}

function deletionReason(pod: unknown): string | undefined {
  if (text(at(pod, 'metadata', 'deletionTimestamp')) === '') return undefined;
  if (at(pod, 'status', 'reason') === 'NodeLost') return 'Unknown';
  const phase = text(at(pod, 'status', 'phase'));
  return phase === 'Succeeded' || phase === 'Failed' ? undefined : 'Terminating';
}

/** Names of the init containers that keep running beside the others. */
const sidecarsOf = (pod: unknown): ReadonlySet<string> =>
  new Set(
    list(at(pod, 'spec', 'initContainers'))
      .filter((container) => field(container, 'restartPolicy') === 'Always')
      .map((container) => text(field(container, 'name'))),
  );

interface InitTally {
  /** Undefined when all init containers are done. */
  readonly reason: string | undefined;
  readonly all: Omit<Tally, 'reason'>;
  readonly sidecars: Omit<Tally, 'reason'>;
}

function tallyInit(pod: unknown, sidecars: ReadonlySet<string>): InitTally {
  const total = list(at(pod, 'spec', 'initContainers')).length;
  let all = { restarts: 0, lastRestart: 0 };
  let ofSidecars = { restarts: 0, lastRestart: 0 };
  let ready = 0;
  let reason: string | undefined;
  for (const [index, status] of list(at(pod, 'status', 'initContainerStatuses')).entries()) {
    all = addRestarts(all, status);
    const sidecar = sidecars.has(text(field(status, 'name')));
    if (sidecar) ofSidecars = addRestarts(ofSidecars, status);
    if (sidecar && field(status, 'started') === true) {
      if (field(status, 'ready') === true) ready++;
      continue;
    }
    reason = toInitReason(status, index, total);
    if (reason !== undefined) break;
  }
  return { reason, all: { ...all, ready }, sidecars: { ...ofSidecars, ready } };
}

/** Undefined when this init container has done its work. */
function toInitReason(status: unknown, index: number, total: number): string | undefined {
  const terminated = at(status, 'state', 'terminated');
  if (isRecord(terminated)) {
    return field(terminated, 'exitCode') === 0 ? undefined : `Init:${toEndReason(terminated)}`;
  }
  const waiting = text(at(status, 'state', 'waiting', 'reason'));
  return waiting === '' || waiting === 'PodInitializing' ? `Init:${index}/${total}` : `Init:${waiting}`;
}

/** From the last container to the first, so that the first one has the last word. */
function tallyContainers(pod: unknown, start: Tally): Tally {
  let { reason, ready } = start;
  let sums: Pick<Tally, 'restarts' | 'lastRestart'> = start;
  let running = false;
  let failure = '';
  for (const status of list(at(pod, 'status', 'containerStatuses')).toReversed()) {
    sums = addRestarts(sums, status);
    const waiting = text(at(status, 'state', 'waiting', 'reason'));
    const terminated = at(status, 'state', 'terminated');
    if (waiting !== '') {
      reason = waiting;
    } else if (isRecord(terminated)) {
      reason = toEndReason(terminated);
      if (reason !== 'Completed') failure = reason;
    } else if (field(status, 'ready') === true && isRecord(at(status, 'state', 'running'))) {
      running = true;
      ready++;
    }
  }
  if (reason === 'Completed') {
    if (running && conditionIs(pod, 'Ready', 'True')) reason = 'Running';
    else if (failure !== '') reason = failure;
    else if (running) reason = 'NotReady';
  }
  return { reason, ready, restarts: sums.restarts, lastRestart: sums.lastRestart };
}

function toEndReason(terminated: unknown): string {
  const reason = text(field(terminated, 'reason'));
  if (reason !== '') return reason;
  const signal = integer(field(terminated, 'signal'));
  return signal === 0 ? `ExitCode:${integer(field(terminated, 'exitCode'))}` : `Signal:${signal}`;
}

function addRestarts(
  sums: { readonly restarts: number; readonly lastRestart: number },
  status: unknown,
): { restarts: number; lastRestart: number } {
  return {
    restarts: sums.restarts + count(field(status, 'restartCount')),
    lastRestart: Math.max(sums.lastRestart, time(at(status, 'lastState', 'terminated', 'finishedAt')) ?? 0),
  };
}

const conditionIs = (pod: unknown, type: string, status: string): boolean =>
  list(at(pod, 'status', 'conditions')).some(
    (condition) => field(condition, 'type') === type && field(condition, 'status') === status,
  );
