// The doctor against real TLS servers, each with one defect; and against nodes that mean it ill.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { Finding } from '../../src/doctor/finding.ts';
import type { NodeOptions } from './node.ts';
import { createAuthority } from '../../src/pki/issue.ts';
import { Secret } from '../../src/core/secret.ts';
import { toSubjects } from '../../src/doctor/own-credential.ts';
import { toPin } from '../../src/outbound/serving-identity.ts';
import { X509Certificate } from 'node:crypto';
import { startApiServer } from '../support/api-server.ts';
import { closedPort, configz, examineNode, idsOf, startNode, startPort } from './node.ts';

const DAY_MS = 86_400_000;
const ago = (days: number): Date => new Date(Date.now() - days * DAY_MS);

async function start(t: TestContext, options: NodeOptions = {}) {
  const node = await startNode(options);
  t.after(() => node.close());
  return node;
}

const find = (findings: readonly Finding[], id: string): Finding => {
  const found = findings.find((finding) => finding.id === id);
  assert.ok(found, `${id} is not among ${findings.map((finding) => finding.id).join(', ')}`);
  return found;
};

describe('the doctor', () => {
  it('finds nothing at a node where all is well, and changes nothing there', async (t) => {
    const node = await start(t);
    const findings = await examineNode(node);
    assert.deepEqual(idsOf(findings), [], JSON.stringify(findings, null, 1));
    for (const id of ['certificate', 'credential-rights', 'anonymous-refused', 'authorization', 'clock']) {
      assert.equal(find(findings, id).severity, 'info');
    }
    assert.ok(node.asked.length >= 10);
    assert.deepEqual([...new Set(node.asked.map(([, isKnown]) => isKnown))], [true, false]);
  });

  const certificates: readonly [string, NodeOptions, string, RegExp][] = [
    [
      'has expired',
      { serving: { notBefore: ago(9), notAfter: ago(1) } },
      'certificate-expired',
      /has expired at 20/,
    ],
    [
      'is not valid yet',
      { serving: { notBefore: ago(-1), notAfter: ago(-9) } },
      'certificate-not-yet-valid',
      /is valid from 20.* here it is 20/,
    ],
    [
      'is for another node',
      { serving: { dnsNames: ['node-2'] } },
      'certificate-wrong-name',
      /is for "DNS:node-2"; wanted is node-1/,
    ],
    [
      'names nobody but in its common name',
      { serving: { dnsNames: [] } },
      'certificate-wrong-name',
      /no subject alternative names at all, only "CN=node-1"; wanted is node-1/,
    ],
    [
      'is for clients',
      { serving: { usages: ['client'] } },
      'certificate-wrong-purpose',
      /its extended key usages are 1\.3\.6\.1\.5\.5\.7\.3\.2/,
    ],
    [
      'is of another authority',
      { signer: () => createAuthority('strangers') },
      'authority-other',
      /is by "CN=strangers"; trusted for this node: "CN=nodes"/,
    ],
    [
      'is of another authority with the same name',
      { signer: () => createAuthority('nodes') },
      'authority-other-key',
      /"CN=nodes", which has the name of a trusted one and another key/,
    ],
    [
      'is of an intermediate that has expired',
      { signer: (trusted) => trusted.intermediate('between', { notBefore: ago(9), notAfter: ago(1) }) },
      'authority-out-of-time',
      /"CN=between" is valid from/,
    ],
  ];
  for (const [what, options, id, words] of certificates) {
    it(`says that the certificate ${what}, and sends no request`, async (t) => {
      const node = await start(t, options);
      const findings = await examineNode(node);
      assert.deepEqual(idsOf(findings), [id]);
      const finding = find(findings, id);
      assert.equal(finding.severity, 'error');
      assert.match(finding.what, words);
      assert.ok(finding.why.length > 20 && finding.todo.length > 20);
      assert.deepEqual(node.asked, []);
    });
  }

  it('says that a certificate is self-signed, and how its key would be pinned', async (t) => {
    const self = await createAuthority('node-1@1700000000');
    const node = await start(t, {
      // What the kubelet makes for itself: one certificate that is authority and server.
      signer: () => Promise.resolve({ ...self, issue: () => Promise.resolve(self) }),
    });
    const finding = find(await examineNode(node), 'certificate-self-signed');
    assert.ok(finding.todo.includes(`sha256/${toPin(new X509Certificate(self.certificate))}`));
    assert.deepEqual(node.asked, []);
  });

  it('says that a key is not the pinned one', async (t) => {
    const node = await start(t, { entry: { pins: ['AAAA'] } });
    const findings = await examineNode(node);
    assert.match(
      find(findings, 'certificate-other-key').what,
      /has the key sha256\/\S+, which is not pinned/,
    );
    assert.deepEqual(node.asked, []);
  });

  it('warns of a certificate that expires soon', async (t) => {
    const node = await start(t, { serving: { notBefore: ago(30), notAfter: ago(-2) } });
    assert.deepEqual(idsOf(await examineNode(node)), ['certificate-expires-soon']);
    assert.ok(node.asked.length > 0);
  });

  it('tells what keeps the port from being reached', async (t) => {
    const node = await start(t);
    const at = (entry: object, more: object = {}) =>
      examineNode({ ...node, entry: { ...node.entry, ...entry } }, { connectTimeoutMs: 500, ...more });
    assert.deepEqual(idsOf(await at({ port: await closedPort() })), ['port-refused']);
    assert.deepEqual(idsOf(await at({ address: 'no-such-host.invalid' })), ['address-unknown']);
    const plain = await startPort((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    t.after(() => plain.close());
    assert.deepEqual(idsOf(await at({ port: plain.port })), ['not-tls']);
    const silent = await startPort(() => undefined);
    t.after(() => silent.close());
    assert.deepEqual(idsOf(await at({ port: silent.port })), ['tls-silent']);
  });
});

describe('the credential', () => {
  it('that is not accepted', async (t) => {
    const node = await start(t, { respond: (_, response) => response.writeHead(401).end('Unauthorized') });
    const findings = await examineNode(node);
    const finding = find(findings, 'credential-rejected');
    assert.match(finding.todo, /clientCAFile/);
    assert.deepEqual(
      node.asked.filter(([, isKnown]) => isKnown).length,
      1,
      'it is not tried again and again',
    );
    const token = {
      name: 't',
      fingerprint: 't',
      material: { kind: 'bearerToken' as const, token: new Secret('hush-hush') },
    };
    const byToken = await examineNode({ ...node, credential: { ...node.credential, credential: token } });
    assert.match(find(byToken, 'credential-rejected').todo, /webhook\.enabled/);
    assert.doesNotMatch(JSON.stringify(byToken), /hush-hush/);
  });

  it('that lacks rights, in the words of the kubelet, and only for what it is needed for', async (t) => {
    const node = await start(t, {
      respond: ({ url }, response, isKnown) => {
        if (!isKnown) response.writeHead(401).end('Unauthorized');
        else if (url === '/metrics') response.end('x 1');
        else
          response
            .writeHead(403)
            .end('Forbidden (user=gw, verb=get, resource=nodes, subresource(s)=[proxy])\n');
      },
    });
    const needed = { ...node.credential, neededFor: new Set(['metrics', 'containerLogs'] as const) };
    const findings = await examineNode({ ...node, credential: needed });
    assert.deepEqual(idsOf(findings), ['credential-lacks-right']);
    assert.match(
      find(findings, 'credential-lacks-right').what,
      /may not get nodes\/proxy: "Forbidden \(user=gw, verb=get, resource=nodes, subresource\(s\)=\[proxy\]\)"/,
    );
    assert.equal(find(findings, 'authorization').severity, 'info');
  });

  it('that is out of its time or not for clients', async (t) => {
    const node = await start(t);
    const authority = await createAuthority('clients');
    for (const [options, id] of [
      [{ notBefore: ago(9), notAfter: ago(1) }, 'credential-out-of-time'],
      [{ notBefore: ago(9), notAfter: ago(-1) }, 'credential-expires-soon'],
      [{ usages: ['server' as const] }, 'credential-wrong-purpose'],
    ] as const) {
      const { certificate, key } = await authority.issue({ commonName: 'gw', ...options });
      const credential = {
        name: 'operator',
        fingerprint: id,
        material: { kind: 'certificate' as const, certificate, key: new Secret(key) },
      };
      const ids = idsOf(await examineNode({ ...node, credential: { ...node.credential, credential } }));
      assert.ok(ids.includes(id), `${id}: ${ids.join()}`);
      assert.ok(ids.includes('credential-rejected'));
    }
  });
});

describe('what undoes the gateway', () => {
  it('is told of: anonymous requests that are served', async (t) => {
    const node = await start(t, { respond: (_, response) => response.end('{}') });
    const findings = await examineNode(node);
    assert.equal(find(findings, 'anonymous-accepted').severity, 'critical');
    assert.deepEqual(idsOf(findings).includes('authorization-unknown'), true);
  });

  it('is told of: anonymous requests that are somebody', async (t) => {
    const node = await start(t, {
      respond: (_, response, isKnown) =>
        isKnown
          ? response.end(configz({}))
          : response.writeHead(403).end('Forbidden (user=system:anonymous, verb=get)'),
    });
    const finding = find(await examineNode(node), 'anonymous-authenticated');
    assert.match(finding.what, /user=system:anonymous/);
  });

  const settings: readonly [string, object, string][] = [
    ['AlwaysAllow', { authorization: { mode: 'AlwaysAllow' } }, 'authorization-always-allow'],
    ['anonymous', { authentication: { anonymous: { enabled: true } } }, 'anonymous-authenticated'],
    ['no client CA', { authentication: { x509: { clientCAFile: '' } } }, 'authentication-off'],
  ];
  for (const [what, more, id] of settings) {
    it(`is told of, as the kubelet's own configuration says it: ${what}`, async (t) => {
      const node = await start(t, {
        respond: ({ url }, response, isKnown) => {
          if (!isKnown) response.writeHead(401).end('Unauthorized');
          else response.end(url === '/configz' ? configz(more) : 'ok');
        },
      });
      assert.deepEqual(idsOf(await examineNode(node)), [id]);
    });
  }

  it('is told of: the read-only port, where it is by default and where the kubelet says it is', async (t) => {
    const open = await startPort(
      (socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'),
    );
    t.after(() => open.close());
    const node = await start(t);
    const byDefault = await examineNode(node, { readOnlyPort: open.port });
    assert.equal(find(byDefault, 'read-only-port-open').severity, 'critical');
    const told = await start(t, {
      respond: ({ url }, response, isKnown) => {
        if (!isKnown) response.writeHead(401).end();
        else response.end(url === '/configz' ? configz({ readOnlyPort: open.port }) : 'ok');
      },
    });
    assert.deepEqual(idsOf(await examineNode(told)), ['read-only-port-open']);
    const other = await startPort((socket) => void socket.end('SSH-2.0-x\r\n'));
    t.after(() => other.close());
    assert.deepEqual(idsOf(await examineNode(node, { readOnlyPort: other.port })), [
      'read-only-port-unclear',
    ]);
  });

  it('is told of: a clock that is wrong', async (t) => {
    for (const [offsetMs, words] of [
      [120_000, /1[12]\d s ahead of/],
      [-600_000, /60\d s behind|59\d s behind/],
    ] as const) {
      const node = await start(t, {
        respond: ({ url }, response, isKnown) => {
          response.setHeader('date', new Date(Date.now() + offsetMs).toUTCString());
          if (!isKnown) response.writeHead(401).end();
          else response.end(url === '/configz' ? configz({}) : 'ok');
        },
      });
      const findings = await examineNode(node);
      assert.deepEqual(idsOf(findings), ['clock-differs']);
      assert.match(find(findings, 'clock-differs').what, words);
    }
  });
});

describe('nodes/proxy in the cluster', () => {
  const rbac = (kind: string, name: string, more: object) => ({ kind, metadata: { name }, ...more });
  const rule = (resources: string[], verbs: string[], more: object = {}) => ({
    apiGroups: [''],
    resources,
    verbs,
    ...more,
  });
  const bind = (name: string, role: string, subjects: object[] | null) =>
    rbac('ClusterRoleBinding', name, { roleRef: { kind: 'ClusterRole', name: role }, subjects });

  it('is told of with everybody who holds it', async (t) => {
    const api = await startApiServer({ decide: () => ({ allowed: false }) });
    t.after(() => api.close());
    const { resources } = api;
    resources.put(
      'clusterroles',
      rbac('ClusterRole', 'proxy-reader', { rules: [rule(['nodes/proxy'], ['get'])] }),
    );
    resources.put('clusterroles', rbac('ClusterRole', 'all', { rules: [rule(['*'], ['*'])] }));
    resources.put(
      'clusterroles',
      rbac('ClusterRole', 'one', { rules: [rule(['nodes/proxy'], ['create'], { resourceNames: ['n'] })] }),
    );
    resources.put(
      'clusterroles',
      rbac('ClusterRole', 'metrics', { rules: [rule(['nodes/metrics', 'nodes'], ['*'])] }),
    );
    resources.put(
      'clusterroles',
      rbac('ClusterRole', 'watcher', { rules: [rule(['nodes/proxy'], ['watch'])] }),
    );
    resources.put(
      'clusterrolebindings',
      bind('a', 'proxy-reader', [{ kind: 'ServiceAccount', namespace: 'mon', name: 'prom' }]),
    );
    resources.put(
      'clusterrolebindings',
      bind('b', 'all', [
        { kind: 'Group', name: 'system:masters' },
        { kind: 'User', name: 'ann\u001B[2J' },
      ]),
    );
    resources.put('clusterrolebindings', bind('c', 'one', [{ kind: 'User', name: 'carl' }]));
    resources.put('clusterrolebindings', bind('d', 'metrics', [{ kind: 'User', name: 'dora' }]));
    resources.put('clusterrolebindings', bind('e', 'watcher', [{ kind: 'User', name: 'emil' }]));
    resources.put('clusterrolebindings', bind('f', 'all', null));
    resources.put('clusterrolebindings', bind('g', 'all', [{ kind: 'User', name: 'gateway' }]));
    // As an API server makes it for its own control plane, and two that are no such thing.
    const collector = 'system:controller:generic-garbage-collector';
    const inSystem = (name: string) => ({ kind: 'ServiceAccount', namespace: 'kube-system', name });
    const everything = { apiGroups: ['*'], resources: ['*'], verbs: ['delete', 'get', 'list', 'watch'] };
    resources.put('clusterroles', rbac('ClusterRole', collector, { rules: [everything] }));
    resources.put(
      'clusterrolebindings',
      bind(collector, collector, [inSystem('generic-garbage-collector'), inSystem('stowaway')]),
    );
    resources.put('clusterrolebindings', bind('i', collector, [inSystem('generic-garbage-collector')]));
    const node = await start(t);
    const grants = { connection: api.connection, timeoutMs: 5000 };
    const findings = await examineNode(node, { grants });
    assert.deepEqual(idsOf(findings), ['nodes-proxy-granted']);
    const { what } = find(findings, 'nodes-proxy-granted');
    for (const name of [
      'ServiceAccount mon prom \\(ClusterRole proxy-reader, by a\\)',
      'User ann',
      'User carl',
    ]) {
      assert.match(what, new RegExp(name));
    }
    assert.match(what, /kube-system stowaway \(ClusterRole system:controller:generic-garbage-collector, by/);
    assert.match(what, /generic-garbage-collector \(ClusterRole \S+, by i\)/);
    assert.doesNotMatch(what, /kube-system generic-garbage-collector \(ClusterRole \S+, by system/);
    assert.doesNotMatch(what, /dora|emil|masters|User gateway|\u001B/);
    const account = { kind: 'ServiceAccount', namespace: 'infra', name: 'gateway' };
    const user = { kind: 'User', name: 'system:serviceaccount:infra:gateway' };
    const group = { kind: 'Group', name: 'system:serviceaccounts:infra' };
    resources.put('clusterrolebindings', bind('h', 'all', [account, user, group]));
    const claims = Buffer.from('{"sub":"system:serviceaccount:infra:gateway"}').toString('base64url');
    const token = new Secret(`e30.${claims}.c2ln`);
    const material = { kind: 'bearerToken' as const, token };
    const withToken = {
      entry: node.entry,
      credential: { ...node.credential, credential: { name: 't', fingerprint: 't', material } },
    };
    const held = find(await examineNode(withToken, { grants }), 'nodes-proxy-granted').what;
    assert.doesNotMatch(held, /infra gateway|system:serviceaccount:infra/);
    assert.match(held, /Group system:serviceaccounts:infra/, 'the group is of others too');
    const own = new Set(['ServiceAccount infra gateway']);
    const configured = find(
      await examineNode(node, { grants: { ...grants, own } }),
      'nodes-proxy-granted',
    ).what;
    assert.doesNotMatch(configured, /ServiceAccount infra gateway|User gateway/);
    resources.forbidden.add('clusterroles');
    assert.match(
      find(await examineNode(node, { grants }), 'grants-not-seen').what,
      /may not list clusterroles/,
    );
  });
});

describe('the own subjects of a credential', () => {
  const jwt = (claims: unknown): string =>
    ['{"alg":"RS256"}', JSON.stringify(claims), 'signature']
      .map((part) => Buffer.from(part).toString('base64url'))
      .join('.');
  const sub = (value: unknown): string => jwt({ sub: value });
  const ROWS: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'a token of a ServiceAccount',
      `${sub('system:serviceaccount:infra:gateway.a')}\n`,
      ['ServiceAccount infra gateway.a', 'User system:serviceaccount:infra:gateway.a'],
    ],
    ['a token of somebody else', sub('ann'), []],
    ['one part too many in the name', sub('system:serviceaccount:infra:gateway:x'), []],
    ['a name that is none', sub('system:serviceaccount:infra:a b'), []],
    ['no namespace', sub('system:serviceaccount::gateway'), []],
    ['a subject that is no text', sub({ a: 1 }), []],
    ['claims that are no object', jwt(null), []],
    ['claims that are no JSON', 'a.b.c', []],
    ['five parts', `${sub('system:serviceaccount:infra:gateway')}.d.e`, []],
    ['a token that says nothing', 'opaque', []],
    ['an empty token', '', []],
  ];
  for (const [what, token, subjects] of ROWS) {
    it(what, () => {
      const material = { kind: 'bearerToken' as const, token: new Secret(token) };
      assert.deepEqual(toSubjects({ name: 'n', fingerprint: 'f', material }), subjects);
    });
  }
});

describe('a node that means it ill', () => {
  const hostile: readonly [string, NonNullable<NodeOptions['respond']>, string | undefined][] = [
    ['says nothing', () => undefined, 'no-answer'],
    [
      'drips its head',
      (request) => {
        const timer = setInterval(() => request.socket.write('HTTP/1.1 100 Continue\r\n\r\n'), 20);
        request.socket.on('close', () => clearInterval(timer));
      },
      'no-answer',
    ],
    [
      'has a head without end',
      ({ socket }) => void socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(1 << 20)}`),
      'no-answer',
    ],
    ['speaks no HTTP', ({ socket }) => void socket.end('\u0000\u0001\u0002'), 'no-answer'],
    [
      'upgrades what nobody wanted upgraded',
      ({ socket }) => void socket.write('HTTP/1.1 101 x\r\nupgrade: y\r\nconnection: upgrade\r\n\r\n'),
      'no-answer',
    ],
    [
      'redirects elsewhere',
      (_, response) => response.writeHead(307, { location: 'https://169.254.169.254/' }).end(),
      undefined,
    ],
    [
      'has a configz of another shape',
      (_, response) => response.end('{"kubeletconfig":[{"authorization":7}]}'),
      undefined,
    ],
    ['nests', (_, response) => response.end('['.repeat(200_000)), undefined],
  ];
  for (const [what, respond, id] of hostile) {
    it(`keeps nobody waiting: ${what}`, async (t) => {
      const node = await start(t, { respond });
      const ids = idsOf(await examineNode(node, { answerTimeoutMs: 300 }));
      if (id !== undefined) assert.ok(ids.includes(id), ids.join());
    });
  }

  it('is read no further than the bound', async (t) => {
    let sent = 0;
    const node = await start(t, {
      respond: ({ socket }, response) => {
        const chunk = Buffer.alloc(65_536, 'x');
        const pour = (): void => {
          while (!socket.destroyed && response.write(chunk)) sent += chunk.length;
          response.once('drain', pour);
        };
        pour();
      },
    });
    await examineNode(node, { answerTimeoutMs: 5000 });
    assert.ok(node.asked.length > 7, 'it went on after each');
    assert.ok(sent / node.asked.length < 8 * 1024 * 1024);
  });

  it('writes nothing on the terminal of the operator', async (t) => {
    const evil = '\u001B]0;owned\u0007\u001B[2J\u009B31m\u202Eevil\r\n\r\nERROR fake\u2028x';
    const node = await start(t, {
      serving: { commonName: evil, dnsNames: ['node-2'] },
      respond: (_, response) => response.writeHead(403).end(evil.repeat(1000)),
    });
    const wrong = await examineNode(node);
    const served = await start(t, {
      respond: (_, response) => response.writeHead(403).end(evil.repeat(1000)),
    });
    const refused = await examineNode(served);
    assert.ok(idsOf(refused).includes('credential-lacks-right'));
    for (const finding of [...wrong, ...refused]) {
      for (const text of Object.values(finding)) {
        assert.doesNotMatch(String(text), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        assert.ok(String(text).length < 2000);
      }
    }
  });
});
