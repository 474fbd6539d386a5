// Which exchanges run for as long as somebody listens: they are audited when their answer starts as well as when it
// ends, counted while they run, and kept out of the duration histogram (Kubernetes' long-running requests, apiserver
// pkg/endpoints/filters; here by action instead of by URL).

import type { Evidence } from '../core/observation.ts';
import type { OperationKind } from '../core/operation.ts';
import type { Action } from '../core/action.ts';
import type { Answer } from '../core/exchange.ts';

/** Whether this exchange runs for as long as somebody listens. */
export function isLong(evidence: Evidence): boolean {
  if ('action' in evidence) return isLongRunning(evidence.action);
  if ('answer' in evidence) return isWatch(evidence.answer);
  return 'operation' in evidence && evidence.operation.kind === 'followSession';
}

function isLongRunning(action: Action): boolean {
  switch (action.kind) {
    case 'exec':
    case 'attach':
    case 'portForward':
      return true;
    case 'containerLogs':
      return action.options.follow === true;
    case 'pprof':
      return action.profile === 'profile' || action.profile === 'trace';
    case 'pods':
      return action.view?.watch !== undefined;
    case 'healthz':
    case 'metrics':
    case 'stats':
    case 'spec':
    case 'runningPods':
    case 'configz':
    case 'flagz':
    case 'statusz':
    case 'nodeLogs':
    case 'run':
    case 'checkpoint':
      return false;
  }
}

function isWatch(answer: Answer): boolean {
  if (answer.kind !== 'fleet') return false;
  const { query } = answer;
  if (query.kind === 'pods') return query.view.watch !== undefined;
  return query.kind === 'nodes' && query.watch !== undefined;
}

export type ActionName = Action['kind'] | OperationKind | 'watch' | 'gateway' | 'unresolved';

/** What an exchange is about, for a label or a log line: its action, or how far it came. */
export function toActionName(evidence: Evidence): ActionName {
  if ('action' in evidence) {
    return evidence.action.kind === 'pods' && isLongRunning(evidence.action) ? 'watch' : evidence.action.kind;
  }
  if ('operation' in evidence) return evidence.operation.kind;
  if (!('answer' in evidence)) return 'unresolved';
  return isWatch(evidence.answer) ? 'watch' : 'gateway';
}
