// What events say of a request: of one like the last it is the same text, and of one that differs anywhere never that
// of the other.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Resolved } from '../../../src/core/exchange.ts';
import { HeaderLines } from '../../../src/core/headers.ts';
import { toLasting } from '../../../src/core/lasting.ts';
import type { Description } from '../../../src/observe/audit/description.ts';
import { createDescribe } from '../../../src/observe/audit/description.ts';
import { toSubject } from '../../../src/observe/audit/subject.ts';
import { toRequirement } from '../../../src/resolve/attributes.ts';
import { createUser, nodeName } from '../../support/resolved.ts';
import { alice, execByWebSocket, resolved } from '../evidence.ts';

const NODE = nodeName('node-1');
const ACTION = toLasting({ kind: 'metrics', endpoint: 'cadvisor' } as const);
const REQUIREMENT = toLasting(toRequirement(ACTION, NODE, { podSubresources: true }));
const TRANSPORT = toLasting({ kind: 'http' } as const);

const scrape = (changed: Partial<Resolved> = {}): Resolved => ({
  ...resolved({ user: alice, action: ACTION, requirement: REQUIREMENT }),
  node: NODE,
  transport: TRANSPORT,
  method: 'GET',
  target: '/nodes/node-1/metrics/cadvisor',
  headers: new HeaderLines(['User-Agent', 'Prometheus/3.1']),
  ...changed,
});

const base = scrape();

const createDescription = (): ((evidence: Resolved) => Description) => {
  const describe = createDescribe();
  return (evidence) => describe(evidence, toSubject(evidence));
};

describe('the description of a request', () => {
  it('is that of the last one like it', () => {
    const toDescription = createDescription();
    assert.equal(toDescription(scrape({ auditId: 'one' })), toDescription(scrape({ auditId: 'two' })));
  });

  const others: Readonly<Record<string, Partial<Resolved>>> = {
    'another user': { authentication: { ...base.authentication, user: createUser('mallory') } },
    'an equal user of another sign-in': {
      authentication: { ...base.authentication, user: { ...alice, extra: { scopes: ['other'] } } },
    },
    'another method of authentication': { authentication: { ...base.authentication, method: 'x509' } },
    'another address': { peer: { ...base.peer, sourceIPs: ['192.0.2.9'] } },
    'a proxy before it': { peer: { ...base.peer, sourceIPs: ['192.0.2.9', '127.0.0.1'] } },
    'another program': { headers: new HeaderLines(['User-Agent', 'curl/8']) },
    'no program': { headers: new HeaderLines([]) },
    'another spelling': { target: '/api/v1/nodes/node-1/proxy/metrics/cadvisor' },
    'another node': { node: nodeName('node-2') },
    'another method': { method: 'POST' },
    'a reason': { reason: 'ticket 7' },
    'another transport': { transport: { kind: 'spdy', protocols: [] } },
    'another requirement': { requirement: [{ ...REQUIREMENT[0], verb: 'create' }] },
  };
  for (const [what, changed] of Object.entries(others)) {
    it(`is its own with ${what}`, () => {
      const toDescription = createDescription();
      const before = toDescription(base);
      const own = toDescription(scrape(changed));
      assert.notDeepEqual(own, before);
      assert.deepEqual(own, createDescription()(scrape(changed)));
      assert.deepEqual(toDescription(base), before);
    });
  }

  for (const [what, changed] of Object.entries<Partial<Resolved>>({
    'a user in many groups': {
      authentication: {
        ...base.authentication,
        user: { ...alice, groups: Array.from({ length: 200 }, (_, at) => `oidc:team-number-${at}`) },
      },
    },
    // What an event has of it is shorter.
    'a program with a long name': { headers: new HeaderLines(['User-Agent', 'x'.repeat(8192)]) },
  })) {
    it(`is not kept for ${what}: thousands of targets would hold it`, () => {
      const toDescription = createDescription();
      const [first, second] = [toDescription(scrape(changed)), toDescription(scrape(changed))];
      assert.notEqual(first, second);
      assert.deepEqual(first, second);
      // Nor is one that was kept before taken for it.
      const short = toDescription(base);
      assert.notEqual(toDescription(scrape(changed)).body, short.body);
      assert.equal(toDescription(base).body, short.body);
    });
  }

  it('is made anew for what runs something', () => {
    const toDescription = createDescription();
    const exec = execByWebSocket();
    assert.notEqual(toDescription(exec), toDescription(exec));
    assert.deepEqual(toDescription(exec), toDescription(exec));
  });
});
