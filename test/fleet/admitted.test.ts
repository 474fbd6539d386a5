// A pod whose node is not named, and a login or a session that rules may refuse: who hears what before the pod is looked up, and
// whether a pod that is there can be told from one that is not.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Permitted } from '../../src/core/exchange.ts';
import type { StepUpRule } from '../../src/core/step-up.ts';
import { createSessionPolicy } from '../../src/authorize/session-policy.ts';
import { createStepUp } from '../../src/authorize/step-up.ts';
import { Fault } from '../../src/core/fault.ts';
import type { SessionPolicyRule } from '../../src/core/session-policy.ts';
import { findAdmitted } from '../../src/fleet/admitted.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createResolved, namespaceName, nodeName, podName } from '../support/resolved.ts';

const NODES = ['n1', 'n2', 'n3', 'n4'];
const MFA: StepUpRule = { actions: ['exec'], acrValues: ['mfa'] };

const toEntry = (name: string) => ({
  ...{ name: nodeName(name), address: '127.0.0.1', port: 1, fingerprint: name },
  ...{ serverName: name, certificateAuthority: '' },
});

interface Asked {
  readonly stepUp?: readonly StepUpRule[];
  readonly policy?: readonly SessionPolicyRule[];
  readonly acr?: string;
  /** The right is to these nodes alone. */
  readonly among?: readonly string[];
}

function setUp({ stepUp = [], policy = [], acr, among }: Asked) {
  const counts = { checks: 0, looks: 0 };
  const checkLogin = createStepUp({ clock: createFakeClock() }, stepUp);
  const checkSession = createSessionPolicy(policy);
  const base = createResolved();
  const pod = { namespace: namespaceName('default'), name: podName('web') };
  const streams = { stdin: false, stdout: true, stderr: false, tty: false };
  const permitted: Permitted = {
    ...base,
    authentication: {
      ...base.authentication,
      signIn: { issuer: 'i', subject: 's', at: 0, ...(acr === undefined ? {} : { acr }) },
    },
    sought: { kind: 'exec', pod, command: ['id'], streams },
    pod,
    grant: { reason: '' } as Permitted['grant'],
    on: (node) => ({
      ...base,
      node,
      authentication: permitted.authentication,
      action: { kind: 'exec', pod, command: ['id'], streams },
    }),
    ...(among === undefined
      ? {}
      : { among: { nodes: new Set(among.map(nodeName)), refusal: new Fault('Forbidden', 'name the node') } }),
  };
  const ports = {
    inventory: () => ({ get: () => undefined, list: () => NODES.map(toEntry) }),
    admit: (resolved: Parameters<typeof checkSession>[0]) => {
      counts.checks += 1;
      checkLogin(resolved);
      checkSession(resolved);
    },
    named: new Set([...stepUp, ...policy].flatMap(({ nodes = [] }) => nodes)),
  };
  const look = (found: string | Fault) =>
    findAdmitted(ports, permitted, () => {
      counts.looks += 1;
      return found instanceof Fault ? Promise.reject(found) : Promise.resolve(nodeName(found));
    });
  return { counts, look, permitted };
}

const NOWHERE: readonly Fault[] = [
  new Fault('NotFound', 'pods "web" not found'),
  new Fault('BadRequest', 'not scheduled yet'),
  new Fault('Conflict', 'claimed by n1 and n2'),
  new Fault('BadGateway', 'unknown'),
];

describe('a login that is too weak', () => {
  it('is told so before anything is looked up, where the rule is for all nodes', async () => {
    for (const found of ['n1', ...NOWHERE]) {
      const { counts, look } = setUp({ stepUp: [MFA] });
      await assert.rejects(look(found), { reason: 'Unauthorized', message: /stepUp\.rules\[0\]/ });
      assert.deepEqual(counts, { checks: 1, looks: 0 });
    }
  });

  it('is told the same of a pod that is nowhere as of one on a node of the rule', async () => {
    const asked = { stepUp: [{ ...MFA, nodes: ['n2'] }] };
    for (const found of NOWHERE) {
      await assert.rejects(setUp(asked).look(found), {
        reason: 'Unauthorized',
        message: /stepUp\.rules\[0\]/,
      });
    }
    // What is on another node is nobody's secret, and the node of the rule refuses by itself.
    assert.equal(await setUp(asked).look('n1'), 'n1');
    assert.equal(await setUp(asked).look('n2'), 'n2');
    const busy = new Fault('ServiceUnavailable', 'ask again');
    await assert.rejects(setUp(asked).look(busy), (error) => error === busy);
  });

  it('is told the same where the right is to some nodes alone', async () => {
    const asked = { stepUp: [{ ...MFA, nodes: ['n2'] }], among: ['n1', 'n2'] };
    const { look, permitted } = setUp(asked);
    assert.ok(permitted.among);
    await assert.rejects(look(permitted.among.refusal), { reason: 'Unauthorized' });
    // Of these the rule is for none.
    const free = setUp({ ...asked, among: ['n1', 'n3'] });
    assert.ok(free.permitted.among);
    const { refusal } = free.permitted.among;
    await assert.rejects(free.look(refusal), (error) => error === refusal);
    const all = setUp({ ...asked, among: ['n2'] });
    await assert.rejects(all.look('n2'), { reason: 'Unauthorized' });
    assert.equal(all.counts.looks, 0);
  });
});

it('a login that is strong enough hears what there is', async () => {
  for (const rule of [MFA, { ...MFA, nodes: ['n2'] }]) {
    const asked = { stepUp: [rule], acr: 'mfa' };
    assert.equal(await setUp(asked).look('n2'), 'n2');
    for (const found of NOWHERE) await assert.rejects(setUp(asked).look(found), (error) => error === found);
  }
});

describe('a session that rules refuse', () => {
  const NONE: SessionPolicyRule = { refuse: true, terminal: 'listed', reason: 'optional' };

  it('on every node is refused before anything is looked up', async () => {
    const { counts, look } = setUp({ policy: [NONE] });
    await assert.rejects(look('n1'), { reason: 'Forbidden', message: /sessionPolicy\.rules\[0\]/ });
    assert.equal(counts.looks, 0);
  });

  it('on some is looked up: whoever holds the right may know of the pod', async () => {
    const asked = { policy: [{ ...NONE, nodes: ['n2'] }] };
    assert.equal(await setUp(asked).look('n2'), 'n2');
    for (const found of NOWHERE) await assert.rejects(setUp(asked).look(found), (error) => error === found);
  });
});

it('asks the rules no more often than they name nodes, and once more', async () => {
  const { counts, look } = setUp({ stepUp: [{ ...MFA, nodes: ['n2', 'n9'] }] });
  await look('n1');
  assert.deepEqual(counts, { checks: 2, looks: 1 });
});
