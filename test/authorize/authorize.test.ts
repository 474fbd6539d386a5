import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { createAuthorize } from '../../src/authorize/authorize.ts';
import type { AnyAttributes, Attributes, Requirement } from '../../src/core/attributes.ts';
import type { Authorizer, Decision } from '../../src/core/decision.ts';
import type { Authorized } from '../../src/core/exchange.ts';
import { Fault } from '../../src/core/fault.ts';
import { toStatus } from '../../src/core/status.ts';
import { createAttributes, createResolved, createUser } from '../support/resolved.ts';

const proxy = createAttributes({ verb: 'create', subresource: 'proxy' });
const exec = createAttributes({
  verb: 'create',
  resource: 'pods',
  subresource: 'exec',
  namespace: 'shop',
  name: 'web-0',
});
const read = createAttributes({ subresource: 'pods' });

type Outcome = Decision['kind'] | 'error' | 'tooMany';

const answers: Record<Outcome, () => Decision> = {
  allow: () => ({ kind: 'allow', reason: 'because' }),
  deny: () => ({ kind: 'deny', reason: 'never' }),
  noOpinion: () => ({ kind: 'noOpinion', reason: '' }),
  error: () => {
    throw new Error('10.0.0.1:6443 refused');
  },
  tooMany: () => {
    throw new Fault('TooManyRequests', 'slow down', { headers: { 'retry-after': '1' } });
  },
};

/** Gives the outcomes in order, at once or by promise, and keeps what it was asked. */
function scripted(outcomes: readonly Outcome[], mode: 'sync' | 'async') {
  const asked: AnyAttributes[] = [];
  const authorizer: Authorizer = (_user, attributes) => {
    const outcome = outcomes[asked.push(attributes) - 1];
    assert.ok(outcome, 'asked once too often');
    // eslint-disable-next-line @typescript-eslint/require-await -- a throw must become a rejection
    return mode === 'sync' ? answers[outcome]() : (async () => answers[outcome]())();
  };
  return { asked, authorizer };
}

const rows: readonly {
  readonly outcomes: readonly Outcome[];
  readonly want: Attributes | Fault['reason'];
  readonly asked: number;
}[] = [
  { outcomes: ['allow'], want: proxy, asked: 1 },
  { outcomes: ['noOpinion', 'allow'], want: exec, asked: 2 },
  { outcomes: ['noOpinion', 'noOpinion', 'allow'], want: read, asked: 3 },
  { outcomes: ['noOpinion', 'noOpinion', 'noOpinion'], want: 'Forbidden', asked: 3 },
  { outcomes: ['deny'], want: 'Forbidden', asked: 1 },
  { outcomes: ['noOpinion', 'deny'], want: 'Forbidden', asked: 2 },
  { outcomes: ['error'], want: 'InternalError', asked: 1 },
  { outcomes: ['noOpinion', 'error'], want: 'InternalError', asked: 2 },
  { outcomes: ['noOpinion', 'noOpinion', 'error'], want: 'InternalError', asked: 3 },
  { outcomes: ['tooMany'], want: 'TooManyRequests', asked: 1 },
];

describe('authorize', () => {
  for (const mode of ['sync', 'async'] as const) {
    for (const { outcomes, want, asked } of rows) {
      it(`${mode}: ${outcomes.join(', ')}`, async () => {
        const script = scripted(outcomes, mode);
        const resolved = createResolved({ requirement: [proxy, exec, read] });
        const run = async (): Promise<Authorized> =>
          createAuthorize({ authorizer: script.authorizer })(resolved);
        if (typeof want === 'string') {
          await assert.rejects(run(), (error) => error instanceof Fault && error.reason === want);
        } else {
          const authorized = await run();
          assert.equal(authorized.grant.by, want);
          assert.equal(authorized.grant.reason, 'because');
          assert.equal(authorized.auditId, resolved.auditId);
        }
        assert.deepEqual(script.asked, [proxy, exec, read].slice(0, asked));
      });
    }
  }

  it('goes on in order when a promise is followed by an answer at once', async () => {
    const outcomes: (Decision | Promise<Decision>)[] = [
      Promise.resolve(answers.noOpinion()),
      answers.noOpinion(),
      Promise.resolve(answers.allow()),
    ];
    const authorize = createAuthorize({ authorizer: () => outcomes.shift() ?? answers.deny() });
    const authorized = await authorize(createResolved({ requirement: [proxy, exec, read] }));
    assert.equal(authorized.grant.by, read);
  });

  it('makes no promise when the authorizer answers at once', () => {
    const authorized = createAuthorize({ authorizer: answers.allow })(createResolved());
    assert.ok(!(authorized instanceof Promise));
  });

  it('lets nobody through on an answer that is no decision', () => {
    const authorizer = (() => ({ allowed: true })) as unknown as Authorizer;
    assert.throws(() => createAuthorize({ authorizer })(createResolved()), { reason: 'InternalError' });
  });

  it('explains an allow that came without a reason', async () => {
    const authorize = createAuthorize({ authorizer: () => ({ kind: 'allow', reason: '' }) });
    const { grant } = await authorize(createResolved({ requirement: [exec] }));
    assert.equal(grant.reason, 'allowed: create pods/exec in namespace "shop"');
  });
});

describe('what a refused client reads', () => {
  const refusal = (authorizer: Authorizer, requirement: Requirement, userName = 'bob'): Fault => {
    try {
      void createAuthorize({ authorizer })(createResolved({ requirement, user: createUser(userName) }));
    } catch (error) {
      if (error instanceof Fault) return error;
    }
    throw new Error('not refused');
  };

  const messages: readonly [Requirement, string][] = [
    [
      [proxy],
      'nodes "node-1" is forbidden: User "bob" cannot create resource "nodes/proxy" in API group "" at the cluster scope',
    ],
    [
      [exec],
      'pods "web-0" is forbidden: User "bob" cannot create resource "pods/exec" in API group "" in the namespace "shop"',
    ],
    [
      [proxy, exec],
      'nodes "node-1" is forbidden: User "bob" cannot create resource "nodes/proxy" in API group "" at the cluster scope' +
        ' (any of: create nodes/proxy; create pods/exec in namespace "shop")',
    ],
    [
      [createAttributes({ verb: 'list', resource: 'pods', subresource: '', namespace: 'shop', name: '' })],
      'pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "shop"',
    ],
  ];
  for (const [requirement, message] of messages) {
    it(message, () => {
      const fault = refusal(answers.noOpinion, requirement);
      assert.equal(fault.message, message);
      const { resource: kind, name } = requirement[0];
      assert.deepEqual(toStatus(fault).details, { kind, name });
      assert.equal(fault.code, 403);
    });
  }

  it('keeps a user name inside its quotes', () => {
    const fault = refusal(answers.noOpinion, [proxy], 'a" can do\n\u0000<b>\\');
    assert.match(fault.message, /User "a\\" can do\\n\\u0000<b>\\\\" cannot create/);
    assert.equal((JSON.parse(JSON.stringify(toStatus(fault))) as { message: string }).message, fault.message);
  });

  it('tells the log, not the client, why', () => {
    const denied = refusal(answers.deny, [proxy]);
    assert.equal(denied.cause, 'create nodes/proxy: denied (never)');
    assert.ok(!denied.message.includes('never'));
    const failed = refusal(answers.error, [proxy]);
    assert.equal(failed.message, 'authorization could not be decided');
    assert.match(String(failed.cause), /10\.0\.0\.1/);
  });
});

describe('a Grant', () => {
  it('is made in one place of the source', async () => {
    const places: string[] = [];
    const src = new URL('../../src/', import.meta.url);
    for (const file of await readdir(src, { recursive: true })) {
      if (!file.endsWith('.ts')) continue;
      const casts = (await readFile(new URL(file, src), 'utf8')).match(/\bas (unknown as )?Grant\b|<Grant>/g);
      places.push(...(casts ?? []).map(() => file));
    }
    assert.deepEqual(places, ['authorize/authorize.ts']);
  });
});
