// Checks between parts of the configuration: names that refer to nothing, rules that can never match, and set-ups that
// work and are less safe than they look. Every check is a small function over the sections that could be read.

import { isIP } from 'node:net';
import type { Findings } from '../problem.ts';
import type { Sections } from '../schema/gateway.ts';
import type { Source } from '../yaml.ts';
import { ADDRESS_PROBLEM_WORDS, createAddressRule } from '../../inventory/addresses.ts';
import { checkMappings } from './mapping.ts';
import { checkNames } from '../read/node-entries.ts';
import { checkRecording } from './recording.ts';

interface Checking {
  readonly source: Source;
  readonly findings: Findings;
}

type Check = (sections: Sections, checking: Checking) => void;

const CHECKS: readonly Check[] = [
  checkListenerNames,
  checkPorts,
  checkTrustedProxies,
  checkAdmin,
  checkAuthorization,
  checkNodeNames,
  checkNodeAddresses,
  checkMappings,
  checkRecording,
];

/** Runs all checks. A section that is absent could not be read, which has been told already. */
export function crossCheck(sections: Sections, source: Source, findings: Findings): void {
  for (const check of CHECKS) check(sections, { source, findings });
}

function checkListenerNames({ listeners = [] }: Sections, { source, findings }: Checking): void {
  listeners.forEach(({ name }, index) => {
    if (listeners.findIndex((listener) => listener.name === name) === index) return;
    findings.problem(source, ['listeners', index, 'name'], 'another listener has this name already');
  });
}

function checkPorts({ listeners = [], admin }: Sections, { source, findings }: Checking): void {
  const servers = [
    ...(admin === undefined ? [] : [{ ...admin, path: ['admin', 'port'] }]),
    ...listeners.map(({ address, port }, index) => ({ address, port, path: ['listeners', index, 'port'] })),
  ];
  servers.forEach(({ address, port, path }, index) => {
    const taken = servers
      .slice(0, index)
      .some((other) => port !== 0 && other.port === port && overlaps(other.address, address));
    if (taken) findings.problem(source, path, 'another listener has this address and port already');
  });
}

function checkTrustedProxies({ listeners = [] }: Sections, { source, findings }: Checking): void {
  listeners.forEach(({ trustedProxies }, index) => {
    trustedProxies.forEach((range, at) => {
      if (!range.endsWith('/0')) return;
      const message = 'trusts the whole world: anybody could write source addresses into the audit log';
      findings.warning(source, ['listeners', index, 'trustedProxies', at], message);
    });
  });
}

function checkAdmin({ admin, recording, listeners = [] }: Sections, { source, findings }: Checking): void {
  if (admin === undefined) return;
  if (admin.tls === undefined && recording !== undefined) {
    const message =
      'has no tls, so nobody can be known there: sessions cannot be followed or ended, nor recordings read, over it';
    findings.warning(source, ['admin'], message);
  }
  if (admin.tls !== undefined || isLoopback(admin.address)) return;
  if (listeners.every(({ address }) => isLoopback(address))) return;
  const message =
    'is reachable from other hosts and speaks plain HTTP, and so serves health alone: give it tls, or listen on 127.0.0.1';
  findings.warning(source, ['admin', 'address'], message);
}

function checkAuthorization({ authorization }: Sections, { source, findings }: Checking): void {
  if (authorization === undefined) return;
  const unused = authorization.mode === 'RBAC' ? 'subjectAccessReview' : 'rbac';
  if (authorization[unused] === undefined) return;
  findings.warning(source, ['authorization', unused], `is not used in mode ${authorization.mode}`);
}

function checkNodeNames({ nodes }: Sections, { source, findings }: Checking): void {
  checkNames(nodes?.list ?? [], (index, message) =>
    findings.problem(source, ['nodes', 'list', index, 'name'], message),
  );
}

/** What the dial would refuse is said here, where the address is written. Names are looked up when they are dialled. */
function checkNodeAddresses({ nodes, listeners = [] }: Sections, { source, findings }: Checking): void {
  const allowed = nodes?.allowedAddresses ?? [];
  allowed.forEach((range, index) => {
    if (!range.endsWith('/0')) return;
    const message = 'allows every address, that of the metadata service of a cloud among them';
    findings.warning(source, ['nodes', 'allowedAddresses', index], message);
  });
  const hostAddresses = (): readonly string[] => [];
  const judge = createAddressRule({ allowed, own: listeners, hostAddresses });
  nodes?.list?.forEach(({ address, port }, index) => {
    const problem = isIP(address) === 0 ? undefined : judge(address, port);
    if (problem === undefined) return;
    const hint = problem === 'ownListener' ? '' : ', which must be listed in nodes.allowedAddresses';
    const message = `is ${ADDRESS_PROBLEM_WORDS[problem]}${hint}`;
    findings.problem(source, ['nodes', 'list', index, 'address'], message);
  });
}

const isLoopback = (address: string): boolean =>
  address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));

const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';

const overlaps = (a: string, b: string): boolean => a === b || isWildcard(a) || isWildcard(b);
