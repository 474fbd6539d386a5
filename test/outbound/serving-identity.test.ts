// Whom a kubelet's serving certificate must be of, over real handshakes (S17): by the subject that Kubernetes' own signer
// gives, by the pin of a key, by both. Each row is an attack but for those that are trusted.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, describe, it } from 'node:test';
import type { NodeEntry } from '../../src/core/node.ts';
import { Fault } from '../../src/core/fault.ts';
import { systemClock } from '../../src/core/ports.ts';
import { createDial } from '../../src/outbound/dial.ts';
import type { TlsProblem } from '../../src/outbound/dial-faults.ts';
import { toPin } from '../../src/outbound/serving-identity.ts';
import type { IssuedCertificate, LeafOptions } from '../../src/pki/issue.ts';
import { createTestPki, toEntry } from '../forward/support/front.ts';
import type { TestPki } from '../forward/support/front.ts';
import { startKubelet } from '../forward/support/kubelet.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { reachAnything } from '../support/reach.ts';
import type { TestAuthority } from '../support/pki.ts';
import { createAuthority } from '../support/pki.ts';
import type { TestContext } from 'node:test';

let pki: TestPki;
let stranger: TestAuthority;
before(async () => {
  [pki, stranger] = await Promise.all([createTestPki(), createAuthority('stranger')]);
});

const inDays = (days: number): Date => new Date(Date.now() + days * 86_400_000);
const pinOf = ({ certificate }: IssuedCertificate): string => toPin(new X509Certificate(certificate));

/** Dials a node with this certificate; `problem` undefined: it must be trusted. */
async function assertDial(
  t: TestContext,
  tls: IssuedCertificate,
  trust: Partial<NodeEntry>,
  problem: TlsProblem | undefined,
): Promise<void> {
  const kubelet = await startKubelet(t, { tls, clientCa: pki.clientCa.certificate });
  const problems: TlsProblem[] = [];
  const upstreamTlsError = (seen: TlsProblem): void => void problems.push(seen);
  const deps = { clock: systemClock, log: createKeptLog(), reach: reachAnything(), upstreamTlsError };
  const dial = createDial(deps, { connectTimeoutMs: 5_000 }, toEntry(pki, kubelet.port, trust), pki.bearer);
  // The second dial finds what the first one has left behind, which must be nothing.
  for (let round = 1; round <= 2; round += 1) {
    if (problem === undefined) {
      const socket = await dial();
      assert.equal(socket.isSessionReused(), false);
      socket.destroy();
      continue;
    }
    await assert.rejects(dial(), (fault) => {
      assert.ok(fault instanceof Fault);
      assert.equal(fault.message, "the node's certificate is not trusted");
      assert.equal(fault.code, 502);
      return true;
    });
  }
  assert.deepEqual(problems, problem === undefined ? [] : [problem, problem]);
  for (const connection of kubelet.connections) assert.equal(connection.received.length, 0);
}

const NODE: LeafOptions = {
  commonName: 'system:node:node-1',
  organizations: ['system:nodes'],
  ipAddresses: ['10.9.9.9'],
  usages: ['server'],
};
const toSubject = (...parts: readonly Record<string, string[]>[]): LeafOptions => ({
  ...NODE,
  subject: parts,
});

describe('a node that is known by its subject', () => {
  const rows: readonly [string, LeafOptions, TlsProblem | undefined][] = [
    ['with exactly that subject', NODE, undefined],
    [
      'with the parts of it in the other order',
      toSubject({ CN: ['system:node:node-1'] }, { O: ['system:nodes'] }),
      undefined,
    ],
    ['with the name of another node', { ...NODE, commonName: 'system:node:node-2' }, 'wrongName'],
    ['with a longer name', { ...NODE, commonName: 'system:node:node-1.evil' }, 'wrongName'],
    ['with another case', { ...NODE, commonName: 'system:node:Node-1' }, 'wrongName'],
    ['with the name behind a NUL', { ...NODE, commonName: 'system:node:node-1\0x' }, 'wrongName'],
    [
      'with the subject as a text',
      { ...NODE, organizations: [], commonName: 'system:node:node-1\nO=system:nodes' },
      'wrongName',
    ],
    ['without the organization', { ...NODE, organizations: [] }, 'wrongName'],
    ['with another organization', { ...NODE, organizations: ['nodes'] }, 'wrongName'],
    ['with one organization more', { ...NODE, organizations: ['system:nodes', 'x'] }, 'wrongName'],
    [
      'with the organization twice',
      { ...NODE, organizations: ['system:nodes', 'system:nodes'] },
      'wrongName',
    ],
    [
      'with a second name',
      toSubject({ O: ['system:nodes'] }, { CN: ['system:node:node-2'] }, { CN: ['system:node:node-1'] }),
      'wrongName',
    ],
    [
      'with another attribute',
      toSubject({ O: ['system:nodes'] }, { L: ['x'] }, { CN: ['system:node:node-1'] }),
      'wrongName',
    ],
    [
      'with the name as an alternative one alone',
      { ...NODE, commonName: 'x', dnsNames: ['system:node:node-1', 'node-1'] },
      'wrongName',
    ],
    ["that is the kubelet's certificate as a client", { ...NODE, usages: ['client'] }, 'wrongPurpose'],
    ['that says no purpose', { ...NODE, usages: [] }, 'wrongPurpose'],
    ['that has expired', { ...NODE, notBefore: inDays(-2), notAfter: inDays(-1) }, 'expired'],
    ['that is not valid yet', { ...NODE, notBefore: inDays(1), notAfter: inDays(2) }, 'notYetValid'],
  ];
  for (const [what, leaf, problem] of rows) {
    it(`${problem === undefined ? 'is trusted' : `is refused (${problem})`} by a certificate ${what}`, async (t) => {
      await assertDial(t, await pki.kubeletCa.issue(leaf), { serverName: 'system:node:node-1' }, problem);
    });
  }

  it('is refused when another authority has signed it', async (t) => {
    await assertDial(t, await stranger.issue(NODE), { serverName: 'system:node:node-1' }, 'untrusted');
  });

  it('is refused by its subject where a name is asked for', async (t) => {
    await assertDial(t, await pki.kubeletCa.issue(NODE), { serverName: 'node-1' }, 'wrongName');
  });
});

describe('a node that is known by its key alone', () => {
  const ALONE = { certificateAuthority: '', serverName: 'node-1' };
  const rows: readonly [string, LeafOptions, TlsProblem | undefined][] = [
    ['of any authority', { usages: ['server'], commonName: 'node-1@1700000000' }, undefined],
    ['without a purpose', { usages: [] }, undefined],
    ['for clients', { usages: ['client'] }, 'wrongPurpose'],
    ['that has expired', { usages: ['server'], notBefore: inDays(-2), notAfter: inDays(-1) }, 'expired'],
    [
      'that is not valid yet',
      { usages: ['server'], notBefore: inDays(1), notAfter: inDays(2) },
      'notYetValid',
    ],
  ];
  for (const [what, leaf, problem] of rows) {
    it(`is ${problem ?? 'trusted'} by a certificate ${what}`, async (t) => {
      const tls = await stranger.issue(leaf);
      await assertDial(t, tls, { ...ALONE, pins: [pinOf(tls)] }, problem);
    });
  }

  it('is trusted by one of several pins, which is how a key is changed', async (t) => {
    const [now, next] = [await stranger.issue(), await stranger.issue()];
    const pins = [pinOf(now), pinOf(next)] as const;
    await assertDial(t, now, { ...ALONE, pins }, undefined);
    await assertDial(t, next, { ...ALONE, pins }, undefined);
  });

  it('is refused with another key, under the same authority and name', async (t) => {
    const own = await pki.kubeletCa.issue({ dnsNames: ['node-1'], usages: ['server'] });
    const other = await pki.kubeletCa.issue({ dnsNames: ['node-1'], usages: ['server'] });
    await assertDial(t, other, { ...ALONE, pins: [pinOf(own)] }, 'wrongKey');
  });

  it('is refused when the pin is that of a certificate above its own', async (t) => {
    const intermediate = await pki.kubeletCa.intermediate('nodes');
    const tls = await intermediate.issue({ dnsNames: ['node-1'], usages: ['server'] });
    const pin = toPin(new X509Certificate(intermediate.certificate));
    await assertDial(t, tls, { ...ALONE, pins: [pin] }, 'wrongKey');
  });

  it('is not spoken to at all without a pin', async () => {
    const deps = { clock: systemClock, log: createKeptLog(), reach: reachAnything() };
    const entry = toEntry(pki, 1, { certificateAuthority: '' });
    const dial = createDial(deps, { connectTimeoutMs: 5_000 }, entry, pki.bearer);
    await assert.rejects(dial(), { message: 'the certificates for this node cannot be used' });
  });
});

describe('a node that is known by authority, name and key', () => {
  it('must be right in each', async (t) => {
    const own = await pki.kubeletCa.issue({ dnsNames: ['node-1'], usages: ['server'] });
    const pins = [pinOf(own)] as const;
    await assertDial(t, own, { pins }, undefined);
    await assertDial(
      t,
      await pki.kubeletCa.issue({ dnsNames: ['node-1'], usages: ['server'] }),
      { pins },
      'wrongKey',
    );
    await assertDial(t, own, { pins, serverName: 'node-2' }, 'wrongName');
    await assertDial(t, own, { pins, certificateAuthority: stranger.certificate }, 'untrusted');
  });
});
