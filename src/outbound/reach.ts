// From a node's address to addresses that may be dialled. A name is looked up once; every address that comes back is
// judged, and what was judged is what is connected to: there is no second look-up in between that could say something
// else (CVE-2020-8562).

import type { LookupAddress } from 'node:dns';
import type { Log } from '../core/ports.ts';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { Fault } from '../core/fault.ts';

/** Why an address is not dialled; undefined: it is. The words are for metrics. */
export type Judge = (address: string, port: number) => string | undefined;

/** All addresses of a host name. */
export type Lookup = (host: string) => Promise<readonly LookupAddress[]>;

export interface ReachDependencies {
  readonly judge: Judge;
  /** For people: what is wrong with an address of which `judge` says so. */
  readonly words: (problem: string) => string;
  readonly log: Log;
  /** Told once for each dial that was refused. */
  readonly onRefused?: ((problem: string) => void) | undefined;
  /** Default: the system's own look-up, which knows /etc/hosts too. */
  readonly lookup?: Lookup;
}

/**
 * The addresses to connect to, at least one. Rejects with a Fault BadGateway when the name is not known, and when any of
 * its addresses must not be dialled: whoever answers for a name with one such address is not to be trusted with the rest.
 */
export type Reach = (
  node: string,
  host: string,
  port: number,
) => Promise<readonly [LookupAddress, ...LookupAddress[]]>;

const systemLookup: Lookup = (host) => lookup(host, { all: true });

export function createReach({
  judge,
  words,
  log,
  onRefused,
  lookup: resolve = systemLookup,
}: ReachDependencies): Reach {
  return async (node, host, port) => {
    const [first, ...others] = await toAddresses(host, resolve);
    if (first === undefined) throw unknown(new Error(`${host} has no address`));
    for (const { address } of [first, ...others]) {
      const problem = judge(address, port);
      if (problem === undefined) continue;
      log.warn({ node, host, address, port, problem }, 'the address of a node must not be dialled');
      onRefused?.(problem);
      throw new Fault(
        'BadGateway',
        `the node's address must not be dialled: it is ${words(problem)} (nodes.allowedAddresses)`,
        { annotations: { 'dial-refused': problem } },
      );
    }
    return [first, ...others];
  };
}

async function toAddresses(host: string, resolve: Lookup): Promise<readonly LookupAddress[]> {
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family }];
  try {
    return await resolve(host);
  } catch (cause) {
    throw unknown(cause);
  }
}

const unknown = (cause: unknown): Fault =>
  new Fault('BadGateway', 'the node could not be reached', { cause });
