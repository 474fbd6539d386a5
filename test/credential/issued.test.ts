// Credentials that are issued, with real authorities, files and an API server: whose they are, that nobody is given
// another's (S29), how they change, and which exchanges may have them.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { inspect } from 'node:util';
import type { UserCertificateSource } from '../../src/core/credential-source.ts';
import type { Attributes } from '../../src/core/attributes.ts';
import type { Grant } from '../../src/core/decision.ts';
import type { Located } from '../../src/core/exchange.ts';
import type { KubeletCredential } from '../../src/core/node.ts';
import type { Authentication } from '../../src/core/user.ts';
import { Fault } from '../../src/core/fault.ts';
import { createCredentialStage } from '../../src/credential/credential.ts';
import type { IssuedSource } from '../../src/credential/issued.ts';
import { createIssuedCredentials } from '../../src/credential/issued.ts';
import { createRenewal } from '../../src/credential/renewal.ts';
import { createCredentialStore } from '../../src/credential/store.ts';
import { parseCertificate } from '../../src/pki/certificate.ts';
import type { Authority } from '../../src/pki/issue.ts';
import { createAuthority } from '../../src/pki/issue.ts';
import type { ApiServer } from '../support/api-server.ts';
import { startApiServer } from '../support/api-server.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { createAttributes, createResolved, createUser, nodeName } from '../support/resolved.ts';

const ISSUER = 'https://issuer.example';
const MINUTE_MS = 60_000;

let api: ApiServer;
let authorities: readonly [Authority, Authority];
before(async () => {
  api = await startApiServer({ decide: () => ({ allowed: true }) });
  authorities = [await createAuthority('minting 1'), await createAuthority('minting 2')];
});
after(() => api.close());

const as = (name: string, ...groups: readonly string[]): Authentication => ({
  user: createUser(name, { groups: [...groups, 'system:authenticated'] }),
  method: 'jwt',
  issuer: ISSUER,
  expiresAt: Number.MAX_SAFE_INTEGER,
});

function start(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'issued-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const clock = createFakeClock(Date.now());
  const log = createKeptLog();
  const states: unknown[] = [];
  const renewal = createRenewal({ clock, log, random: () => 0.5 });
  const write = (name: string, text: string): void => {
    writeFileSync(join(folder, `${name}.new`), text);
    renameSync(join(folder, `${name}.new`), join(folder, name));
  };
  const open = (...sources: IssuedSource[]) => {
    const onState = (...state: unknown[]): void => void states.push(state);
    const issued = createIssuedCredentials({ clock, log, renewal, onState }, sources);
    t.after(() => issued.close());
    return issued;
  };
  const source = (more: Partial<UserCertificateSource> = {}): UserCertificateSource => ({
    kind: 'userCertificate',
    name: 'person',
    issuedBy: {
      kind: 'authority',
      certificateFile: join(folder, 'ca.crt'),
      privateKeyFile: join(folder, 'ca.key'),
    },
    lifetimeMs: 15 * MINUTE_MS,
    keyType: 'P-256',
    issuers: [ISSUER],
    clientCertificateUsers: false,
    reviewedTokenUsers: false,
    ...more,
  });
  const writeAuthority = ({ certificate, key }: Authority): void => {
    write('ca.crt', certificate);
    write('ca.key', key);
  };
  return {
    clock,
    log,
    states,
    renewal,
    path: (name: string) => join(folder, name),
    write,
    writeAuthority,
    open,
    source,
  };
}

const leafOf = ({ material }: KubeletCredential): X509Certificate => {
  assert.ok(material.kind === 'certificate');
  return new X509Certificate(material.certificate);
};
const subjectOf = (credential: KubeletCredential) => {
  const { commonNames, organizations, attributeCount } = parseCertificate(leafOf(credential).raw).subject;
  return { commonNames, organizations, attributeCount };
};

const isUnavailable = (cause: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Fault);
  assert.equal(error.code, 503);
  assert.match(error.message, /^no usable credential for this node/);
  assert.match(inspect(error.cause), cause);
  assert.doesNotMatch(error.message, /ca\.crt|ENOENT/);
  return true;
};

describe("a certificate of the user's own, signed here", () => {
  it('says who the user is, for a quarter of an hour, and shows its key to nobody', async (t) => {
    const s = start(t);
    s.writeAuthority(authorities[0]);
    const issued = s.open(s.source());
    const credential = await issued.get('person', as('alice', 'sre', 'dev'));
    assert.equal(credential.name, 'person');
    assert.equal(credential.user, 'alice');
    assert.deepEqual(subjectOf(credential), {
      commonNames: ['alice'],
      organizations: ['dev', 'sre'],
      attributeCount: 3,
    });
    const leaf = leafOf(credential);
    const seconds = (ms: number): number => Math.floor(ms / 1000);
    assert.equal(seconds(leaf.validToDate.getTime()), seconds(s.clock.now() + 15 * MINUTE_MS));
    assert.equal(seconds(leaf.validFromDate.getTime()), seconds(s.clock.now() - 5 * MINUTE_MS));
    assert.ok(leaf.verify(new X509Certificate(authorities[0].certificate).publicKey));
    assert.ok(!`${inspect(credential, { depth: 9 })}${JSON.stringify(credential)}`.includes('PRIVATE KEY'));
    assert.deepEqual(s.states, [
      ['person', 'authority', true],
      ['person', 'issuing', true],
    ]);
  });

  it('is made once for all exchanges of a user, in whatever order the groups come, and again at 80 %', async (t) => {
    const s = start(t);
    s.writeAuthority(authorities[0]);
    const issued = s.open(s.source());
    const many = await Promise.all(
      Array.from({ length: 20 }, async (_, i) =>
        issued.get('person', i % 2 === 0 ? as('alice', 'a', 'b') : as('alice', 'b', 'a', 'a')),
      ),
    );
    assert.equal(new Set(many).size, 1);
    s.clock.advance(12 * MINUTE_MS - 1);
    assert.equal(issued.get('person', as('alice', 'a', 'b')), many[0]);
    s.clock.advance(1);
    assert.equal(
      issued.get('person', as('alice', 'a', 'b')),
      many[0],
      'the old one, while a new one is made',
    );
    for (;;) {
      const now = await issued.get('person', as('alice', 'a', 'b'));
      if (now !== many[0]) {
        assert.notEqual(leafOf(now).serialNumber, many[0] && leafOf(many[0]).serialNumber);
        break;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  it("is never another user's, whatever separators are in names and groups", async (t) => {
    const s = start(t);
    s.writeAuthority(authorities[0]);
    const issued = s.open(s.source());
    const users: readonly (readonly [string, ...string[]])[] = [
      ['a'],
      ['a', 'b'],
      ['a', 'b', 'c'],
      ['a', 'b,c'],
      ['a', 'b","c'],
      ['a,b', 'c'],
      ['a","b', 'c'],
      ['["a"', 'b]'],
      ['a', 'O=b'],
      ['a, O=b'],
      ['a+O=b'],
      ['a/O=b'],
      ['a\\', 'b'],
      ['a', '\\b'],
      ['A', 'b'],
      ['a', 'B'],
      ['a ', 'b'],
      ['a', 'b '],
      ['é', 'b'],
      ['e\u0301', 'b'],
    ];
    const made = await Promise.all(
      users.map(async ([name, ...groups]) => issued.get('person', as(name, ...groups))),
    );
    assert.equal(new Set(made.map(({ fingerprint }) => fingerprint)).size, users.length);
    made.forEach((credential, i) => {
      const [name, ...groups] = users[i] ?? [''];
      assert.equal(credential.user, name);
      assert.deepEqual(subjectOf(credential), {
        commonNames: [name],
        organizations: groups,
        attributeCount: users[i]?.length,
      });
    });
  });

  it('is not made for who is refused, and nothing is tried', (t) => {
    const s = start(t);
    s.writeAuthority(authorities[0]);
    const issued = s.open(s.source());
    for (const refused of [
      as('system:admin'),
      as('alice', 'system:masters'),
      { ...as('alice'), issuer: 'https://other.example' },
      { ...as('alice'), method: 'x509' as const },
    ]) {
      assert.throws(() => issued.get('person', refused), { code: 403 });
    }
    assert.equal(s.renewal.size, 0);
  });

  it('is of the new authority as soon as there is one, and of the last good one while it is broken', async (t) => {
    const s = start(t);
    s.writeAuthority(authorities[0]);
    const issued = s.open(s.source());
    const first = await issued.get('person', as('alice'));
    s.write('ca.crt', authorities[1].certificate);
    s.clock.advance(5000);
    assert.equal(issued.get('person', as('alice')), first);
    assert.deepEqual(s.states.at(-1), ['person', 'authority', false]);
    assert.match(inspect(s.log.lines), /does not belong to the authority/);
    s.write('ca.key', authorities[1].key);
    s.clock.advance(5000);
    const second = await issued.get('person', as('alice'));
    assert.ok(leafOf(second).verify(new X509Certificate(authorities[1].certificate).publicKey));
    assert.ok(s.states.some((state) => inspect(state) === inspect(['person', 'authority', true])));
  });

  it('is 503 while there is no authority, and until it is valid', async (t) => {
    const s = start(t);
    const issued = s.open(s.source());
    assert.throws(() => issued.get('person', as('alice')), isUnavailable(/ENOENT/));
    const hour = 60 * MINUTE_MS;
    const at = (ms: number): Date => new Date(s.clock.now() + ms);
    s.writeAuthority(await createAuthority('old', { notBefore: at(-2 * hour), notAfter: at(-hour) }));
    s.clock.advance(5000);
    await assert.rejects(async () => issued.get('person', as('alice')), isUnavailable(/expired/));
    s.writeAuthority(await createAuthority('young', { notBefore: at(hour), notAfter: at(2 * hour) }));
    s.clock.advance(5000);
    await assert.rejects(async () => issued.get('person', as('alice')), isUnavailable(/not valid yet/));
    s.writeAuthority(authorities[0]);
    s.clock.advance(5000);
    assert.equal((await issued.get('person', as('alice'))).user, 'alice');
  });

  it('lives no longer than its authority', async (t) => {
    const s = start(t);
    const notAfter = new Date(Math.floor(s.clock.now() / 1000) * 1000 + 10 * MINUTE_MS);
    s.writeAuthority(await createAuthority('short', { notAfter }));
    const issued = s.open(s.source());
    const credential = await issued.get('person', as('alice'));
    assert.equal(leafOf(credential).validToDate.getTime(), notAfter.getTime());
    s.clock.advance(10 * MINUTE_MS);
    await assert.rejects(async () => issued.get('person', as('alice')), isUnavailable(/expired/));
  });

  it('outlives a reload, unless something of it has changed', async (t) => {
    const s = start(t);
    s.writeAuthority(authorities[0]);
    const first = await s.open(s.source()).get('person', as('alice'));
    assert.equal(s.open(s.source()).get('person', as('alice')), first);
    for (const changed of [
      s.source({ lifetimeMs: 10 * MINUTE_MS }),
      s.source({ keyType: 'Ed25519' }),
      s.source({ name: 'other' }),
    ]) {
      assert.notEqual(await s.open(changed).get(changed.name, as('alice')), first);
    }
  });
});

describe("a certificate of the user's own, signed on request", () => {
  const requested = (s: ReturnType<typeof start>, approve = true): UserCertificateSource =>
    s.source({
      issuedBy: {
        kind: 'certificateSigningRequest',
        connection: api.connection,
        signerName: 'kubernetes.io/kube-apiserver-client',
        approve,
        timeoutMs: 5000,
      },
      lifetimeMs: 10 * MINUTE_MS,
    });

  it('is what was asked for, and leaves nothing behind', async (t) => {
    const s = start(t);
    for (const keyType of ['P-256', 'Ed25519'] as const) {
      const issued = s.open({ ...requested(s), keyType });
      // The looks at the request are a matter of the real server's time.
      const waiting = Promise.resolve(issued.get('person', as('alice', 'sre')));
      const credential = await whileAdvancing(s, waiting);
      assert.deepEqual(subjectOf(credential).organizations, ['sre']);
      assert.equal(leafOf(credential).publicKey.asymmetricKeyType, keyType === 'P-256' ? 'ec' : 'ed25519');
    }
    assert.equal(api.issuing.lastSpec?.expirationSeconds, 600);
    assert.deepEqual(api.issuing.present, []);
  });

  for (const [signing, words] of [
    ['wrongSubject', /another subject/],
    ['asServer', /not for clients alone/],
    ['garbage', /./],
    ['failed', /refused: SignerFailed/],
  ] as const) {
    it(`is 503 when it comes back as ${signing}`, async (t) => {
      const s = start(t);
      api.issuing.signing = signing;
      t.after(() => (api.issuing.signing = 'signed'));
      const issued = s.open(requested(s));
      const waiting = Promise.resolve(issued.get('person', as('alice')));
      await assert.rejects(whileAdvancing(s, waiting), isUnavailable(words));
      assert.deepEqual(api.issuing.present, []);
      assert.deepEqual(s.states.at(-1), ['person', 'issuing', false]);
    });
  }

  it('is never asked for in the name of the system', (t) => {
    const s = start(t);
    const before = api.issuing.asked.length;
    const issued = s.open(requested(s));
    assert.throws(() => issued.get('person', as('system:kube-controller-manager')), { code: 403 });
    assert.throws(() => issued.get('person', as('alice', 'system:masters')), { code: 403 });
    assert.equal(api.issuing.asked.length, before);
  });
});

/** Lets the pauses of the client pass, which are the clock's. */
async function whileAdvancing<T>({ clock }: ReturnType<typeof start>, waiting: Promise<T>): Promise<T> {
  const state = { over: false };
  const done = waiting.finally(() => (state.over = true));
  done.catch(() => undefined);
  // Less than any limit: what is waited for is the server.
  for (let i = 0; i < 2000 && !state.over; i += 1) {
    clock.advance(2);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return done;
}

describe('a token of a ServiceAccount', () => {
  it('is one for every user and node, and is asked for anew before it expires', async (t) => {
    const s = start(t);
    const issued = s.open({
      kind: 'serviceAccountToken',
      name: 'token',
      connection: api.connection,
      namespace: 'kube-system',
      serviceAccount: 'gateway',
      audiences: [],
      expirationSeconds: 600,
    });
    assert.equal(issued.isPersonal('token'), false);
    const before = api.issuing.tokenRequests.length;
    const [first, again] = await Promise.all([
      issued.get('token', as('alice')),
      issued.get('token', { ...as('bob'), method: 'x509' }),
    ]);
    assert.equal(first, again);
    assert.equal(first.user, undefined);
    assert.ok(first.material.kind === 'bearerToken');
    assert.match(first.material.token.reveal(), /^token-/);
    assert.ok(!inspect(first, { depth: 9 }).includes('token-'));
    assert.equal(api.issuing.tokenRequests.length, before + 1);
    assert.deepEqual(api.issuing.tokenRequests.at(-1)?.audiences, []);
    s.clock.advance(8.5 * MINUTE_MS);
    assert.equal(issued.get('token', as('alice')), first);
    while (issued.get('token', as('alice')) === first) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(api.issuing.tokenRequests.length, before + 2);
  });
});

describe('a mapping to it', () => {
  const located = (by: Attributes): Located => ({
    ...createResolved({ action: { kind: 'configz' } }),
    authentication: as('alice', 'sre'),
    grant: { by, reason: 'test' } as Grant,
    entry: {
      name: nodeName('node-1'),
      address: '127.0.0.1',
      port: 1,
      serverName: 'node-1',
      certificateAuthority: 'PEM',
      fingerprint: 'f',
    },
  });
  const onNode = createAttributes({ verb: 'create', resource: 'nodes', subresource: 'proxy' });
  const onPod = createAttributes({
    verb: 'create',
    resource: 'pods',
    subresource: 'exec',
    namespace: 'shop',
    name: 'web',
  });

  const startStage = (t: TestContext, ...mapped: string[]) => {
    const s = start(t);
    s.writeAuthority(authorities[0]);
    s.write('token', 'service-token');
    const credentials = createCredentialStore({ clock: s.clock, log: s.log }, [
      { kind: 'bearerToken', name: 'service', bearerTokenFile: s.path('token') },
    ]);
    const issued = s.open(s.source());
    return createCredentialStage(
      { credentials, issued },
      mapped.map((credential) => ({ credential })),
    );
  };
  it('gives it for rights on nodes, and the next credential for rights on pods', async (t) => {
    const stage = startStage(t, 'person', 'service');
    assert.equal((await stage(located(onNode))).credential.name, 'person');
    for (const subresource of ['exec', 'attach', 'portforward', 'log', '']) {
      const by = { ...onPod, subresource };
      assert.equal((await stage(located(by))).credential.name, 'service', subresource);
    }
  });

  it('takes no resource called nodes of another group for nodes', async (t) => {
    const stage = startStage(t, 'person', 'service');
    const by = { ...onNode, apiGroup: 'kubelet-gateway.io' };
    assert.equal((await stage(located(by))).credential.name, 'service');
  });

  it('is refused in words where there is none for rights on pods', async (t) => {
    const stage = startStage(t, 'person');
    await assert.rejects(async () => stage(located(onPod)), {
      code: 403,
      message:
        "the credential mappings of the gateway give a certificate of the user's own, and none else, for configz " +
        'on node "node-1": the right to it is on pods/exec, and a kubelet knows rights on nodes only',
    });
  });

  it('serves nothing that the gateway asks for itself', async (t) => {
    assert.equal(
      (await startStage(t, 'person', 'service')(located(onNode), 'gateway')).credential.name,
      'service',
    );
    const alone = startStage(t, 'person');
    await assert.rejects(async () => alone(located(onNode), 'gateway'), {
      code: 403,
      message: /does not do so in the name of a user/,
    });
  });

  it('falls back to no other credential when none may be made', async (t) => {
    const stage = startStage(t, 'person', 'service');
    const refused = { ...located(onNode), authentication: as('alice', 'system:masters') };
    await assert.rejects(async () => stage(refused), { code: 403, message: /begins with system:/ });
  });
});
