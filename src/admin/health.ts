// The health endpoints in the words of a Kubernetes API server (k8s.io/apiserver pkg/server/healthz): `?verbose` lists
// the checks, `?exclude=NAME` leaves some out, a failure lists them always. Why a check fails goes to the log and never
// to the caller, who has not signed in.

import type { Log } from '../core/ports.ts';

export interface HealthCheck {
  readonly name: string;
  /** What is wrong, for the log; undefined when nothing is. */
  readonly check: () => string | undefined;
  /** Counts for /readyz only: restarting the process would not help. */
  readonly readyOnly?: boolean;
}

export interface HealthAnswer {
  readonly status: 200 | 500;
  /** text/plain. */
  readonly body: string;
}

export const HEALTH_ENDPOINTS = ['livez', 'readyz', 'healthz'] as const;
export type HealthEndpoint = (typeof HEALTH_ENDPOINTS)[number];

/** Makes the function that answers an endpoint, given the query of the request. */
export function createHealth(
  ports: { readonly log: Log },
  checks: readonly HealthCheck[],
): (endpoint: HealthEndpoint, query: URLSearchParams) => HealthAnswer {
  const all: readonly HealthCheck[] = [{ name: 'ping', check: () => undefined }, ...checks];
  const lastProblems = new Map<string, string | undefined>();

  const isFailing = ({ name, check }: HealthCheck): boolean => {
    const problem = problemOf(check);
    // Probes come every few seconds: what changes is worth a line, not every answer.
    if (problem !== lastProblems.get(name)) {
      if (problem === undefined) ports.log.info({ check: name }, 'health check passes again');
      else ports.log.warn({ check: name, problem }, 'health check fails');
      lastProblems.set(name, problem);
    }
    return problem !== undefined;
  };

  return (endpoint, query) => {
    const excluded = new Set(query.getAll('exclude').filter((name) => name !== ''));
    const lines: string[] = [];
    let failed = false;
    for (const check of all) {
      if (check.readyOnly === true && endpoint !== 'readyz') continue;
      if (excluded.delete(check.name)) lines.push(`[+]${check.name} excluded: ok`);
      else if (isFailing(check)) {
        failed = true;
        lines.push(`[-]${check.name} failed: reason withheld`);
      } else lines.push(`[+]${check.name} ok`);
    }
    if (excluded.size > 0) {
      const names = [...excluded].map((name) => JSON.stringify(name)).join(', ');
      lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`);
    }
    const verbose = `${lines.join('\n')}\n${endpoint} check`;
    if (failed) return { status: 500, body: `${verbose} failed\n` };
    return { status: 200, body: query.has('verbose') ? `${verbose} passed\n` : 'ok' };
  };
}

/** A check that throws fails. */
function problemOf(check: () => string | undefined): string | undefined {
  try {
    return check();
  } catch (error) {
    return error instanceof Error ? error.message : 'the check threw';
  }
}
