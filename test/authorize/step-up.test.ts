// Rules about logins: how fresh, how strong, by which methods; and what is said to whose login is not.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Resolved } from '../../src/core/exchange.ts';
import type { StepUpRule } from '../../src/core/step-up.ts';
import type { SignIn } from '../../src/core/user.ts';
import { createStepUp } from '../../src/authorize/step-up.ts';
import { Fault } from '../../src/core/fault.ts';
import { readDemand, toLoginQuery } from '../../src/login/demand.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createResolved, createUser, namespaceName, podName } from '../support/resolved.ts';

const clock = createFakeClock();
const now = clock.now();

function by(signIn: Partial<SignIn> | undefined, more: Parameters<typeof createResolved>[0] = {}): Resolved {
  const resolved = createResolved({ user: createUser('alice', { groups: ['sre'] }), ...more });
  const { authentication } = resolved;
  if (signIn === undefined) return { ...resolved, authentication };
  const whole = { issuer: 'https://issuer', subject: 'alice', at: now, ...signIn };
  return { ...resolved, authentication: { ...authentication, signIn: whole } };
}

/** The fault, or undefined when it is let through. */
function check(rules: readonly StepUpRule[], resolved: Resolved): Fault | undefined {
  try {
    createStepUp({ clock }, rules)(resolved);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Fault);
    return error;
  }
}

const logs: Resolved['action'] = {
  kind: 'containerLogs',
  pod: { namespace: namespaceName('prod'), name: podName('web') },
  options: {},
};

describe('what a login must be like', () => {
  const rows: readonly (readonly [string, StepUpRule, Partial<SignIn>, boolean])[] = [
    [
      'young enough, to the millisecond, clocks allowed for',
      { maxAgeMs: 60_000 },
      { authenticatedAt: now - 65_000 },
      true,
    ],
    ['a millisecond too old', { maxAgeMs: 60_000 }, { authenticatedAt: now - 65_001 }, false],
    ['of unknown age, however new the token', { maxAgeMs: 60_000 }, { at: now }, false],
    ['of a wanted context', { acrValues: ['gold', 'silver'] }, { acr: 'silver' }, true],
    ['of another context', { acrValues: ['gold'] }, { acr: 'silver' }, false],
    ['of no context', { acrValues: ['gold'] }, {}, false],
    ['by all methods', { amrValues: ['pwd', 'otp'] }, { amr: ['otp', 'pwd', 'hwk'] }, true],
    ['by some of the methods', { amrValues: ['pwd', 'otp'] }, { amr: ['pwd'] }, false],
    ['by unknown methods', { amrValues: ['otp'] }, {}, false],
    [
      'strong and old',
      { maxAgeMs: 1, acrValues: ['gold'] },
      { acr: 'gold', authenticatedAt: now - 6_000 },
      false,
    ],
  ];
  for (const [name, rule, signIn, passes] of rows) {
    it(`${name}: ${passes ? 'let through' : 'refused'}`, () => {
      assert.equal(check([rule], by(signIn))?.reason, passes ? undefined : 'Unauthorized');
    });
  }
});

describe('whom a rule is about', () => {
  const never = { maxAgeMs: 0 };
  const old = { authenticatedAt: now - 5_001 };
  const rows: readonly (readonly [string, Omit<StepUpRule, 'maxAgeMs'>, Resolved['action'], boolean])[] = [
    ['everybody', {}, { kind: 'configz' }, true],
    ['the user', { users: ['alice'] }, { kind: 'configz' }, true],
    ['another user', { users: ['bob'] }, { kind: 'configz' }, false],
    ['a group of the user', { groups: ['dev', 'sre'] }, { kind: 'configz' }, true],
    ['another group', { groups: ['dev'] }, { kind: 'configz' }, false],
    ['the node', { nodes: ['node-1'] }, { kind: 'configz' }, true],
    ['another node', { nodes: ['node-2'] }, { kind: 'configz' }, false],
    ['the action', { actions: ['configz'] }, { kind: 'configz' }, true],
    ['another action', { actions: ['exec'] }, { kind: 'configz' }, false],
    ['the namespace', { namespaces: ['prod'] }, logs, true],
    ['another namespace', { namespaces: ['test'] }, logs, false],
    ['a namespace, and no pod', { namespaces: ['prod'] }, { kind: 'configz' }, false],
    ['nobody', { users: [] }, { kind: 'configz' }, false],
  ];
  for (const [name, match, action, isMeant] of rows) {
    it(name, () => {
      const fault = check([{ ...match, ...never }], by(old, { action }));
      assert.equal(fault !== undefined, isMeant);
    });
  }

  it('the first that matches decides', () => {
    const lenient: StepUpRule = { actions: ['configz'], maxAgeMs: 1_000 };
    assert.equal(check([lenient, never], by(old)), undefined);
    assert.match(
      check([{ actions: ['exec'], maxAgeMs: 1 }, never], by({}))?.message ?? '',
      /^stepUp\.rules\[1\]/,
    );
  });
});

describe('what is said', () => {
  it('a challenge for programs (RFC 9470), a command for people, a mark for the audit log', () => {
    const fault = check([{ maxAgeMs: 900_000, acrValues: ['gold', 'silver'], amrValues: ['otp'] }], by({}));
    assert.equal(
      fault?.headers['www-authenticate'],
      'Bearer error="insufficient_user_authentication", error_description="another login is needed", max_age="900", acr_values="gold silver"',
    );
    assert.match(
      fault.message,
      /login with otp: run "kubelet-gateway login --max-age=900s --acr-values=gold,silver"/,
    );
    assert.deepEqual(fault.annotations, { 'step-up': 'stepUp.rules[0]' });
    assert.deepEqual(fault.login, { maxAgeSeconds: 900, acrValues: ['gold', 'silver'] });
  });

  it('methods cannot be asked for: another login is', () => {
    assert.match(check([{ amrValues: ['otp'] }], by({}))?.message ?? '', /kubelet-gateway login --force"/);
  });

  it('a credential that comes of no login is refused, and nobody is sent to sign in', () => {
    const fault = check([{ maxAgeMs: 1 }], by(undefined));
    assert.equal(fault?.reason, 'Forbidden');
    assert.match(fault.message, /your credential does not come of one/);
  });
});

describe('the way to a login page', () => {
  it('there and back', () => {
    const demand = { maxAgeSeconds: 900, acrValues: ['gold', 'urn:x:y'] };
    assert.deepEqual(readDemand(new URLSearchParams(toLoginQuery(demand))), demand);
    assert.deepEqual(readDemand(new URLSearchParams(toLoginQuery({}))), {});
  });

  it('what somebody else wrote into a link is read with care', () => {
    assert.equal(readDemand(new URLSearchParams('max_age=1')), undefined);
    const odd = 'fresh=yes&max_age=-1&acr_values=ok%20a%00b%20%20%C3%A4';
    assert.deepEqual(readDemand(new URLSearchParams(odd)), { acrValues: ['ok'] });
  });
});
