// What a process and its children have used, from /proc (proc(5)).

import { readFileSync, readdirSync } from 'node:fs';

/** Clock ticks a second in /proc: USER_HZ, which Linux fixes at 100 for user space on every machine that this runs on. */
const TICKS_PER_SECOND = 100;

export interface Usage {
  /** Microseconds of CPU, user and system, of all threads. Resolution: 10,000. */
  readonly cpuUs: number;
  /** Resident memory in kB. */
  readonly rssKb: number;
}

/** The process and its direct children: nginx's workers are what works. */
export function readUsage(pid: number): Usage {
  let cpuUs = 0;
  let rssKb = 0;
  for (const one of [pid, ...readChildren(pid)]) {
    const stat = readFileSync(`/proc/${one}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    cpuUs += ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / TICKS_PER_SECOND;
    rssKb += Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${one}/status`, 'utf8'))?.[1] ?? 0);
  }
  return { cpuUs, rssKb };
}

const readChildren = (pid: number): number[] =>
  readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')
      .split(' ')
      .filter((child) => child.trim() !== '')
      .map(Number),
  );
