// explain: the same decisions as the gateway's, with their reasons, and not one request to a node.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import type { Explanation } from '../../../src/cli/explain/explanation.ts';
import { main } from '../../../src/cli/main.ts';
import { ACTION_WORDS, toAskedRequest } from '../../../src/cli/explain/request.ts';
import { ACTION_KINDS } from '../../../src/core/action.ts';
import { UsageError } from '../../../src/cli/command.ts';
import type { Environment } from '../../../demo/environment.ts';
import { startEnvironment } from '../../../demo/environment.ts';
import { resolved } from '../../resolve/request.ts';
import { startApiServer } from '../../support/api-server.ts';
import { connectCluster } from '../../support/cluster.ts';

let environment: Environment;
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'explain-'));
  environment = await startEnvironment({ directory: folder, port: 0 });
});
after(async () => {
  const requests = [...environment.kubelets.values()].flatMap((kubelet) => kubelet.requests);
  await environment.close();
  await rm(folder, { recursive: true, force: true });
  assert.deepEqual(requests, [], 'no node was asked anything');
});

const runWith = async (file: string, args: readonly string[]) => {
  let out = '';
  let err = '';
  const code = await main(['explain', '--config', file, ...args], {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
  });
  return { code, out, err };
};
const run = (...args: readonly string[]) => runWith(environment.configurationFile, args);
const explained = async (...args: readonly string[]): Promise<Explanation> => {
  const { out, err } = await run('--output', 'json', ...args);
  assert.equal(err, '');
  return JSON.parse(out) as Explanation;
};

/** The demo's configuration, changed, beside it. */
async function variant(name: string, change: (yaml: string) => string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, change(await readFile(environment.configurationFile, 'utf8')));
  return file;
}

describe('explain', () => {
  it('prints the whole reasoning of a request that is allowed', async () => {
    const { code, out } = await run(
      ...['--user', 'alice', '--groups', 'sre', 'exec', 'node-1', 'default/shell', '--', 'ls', '-h'],
    );
    assert.equal(code, 0, out);
    for (const pattern of [
      /^user {8}"alice" in "sre", "system:authenticated"$/m,
      /command=ls&command=-h/,
      /create nodes\/proxy: allowed \(RBAC: allowed by ClusterRoleBinding "alice-operates-nodes"/,
      /create pods\/exec in namespace "default": not asked/,
      /the node would first be asked for its pods, with the credential "reader"/,
      /credentialMappings\[0\] \("reader"\): does not match, its actions do not hold this one/,
      /credentialMappings\[1\] \("operator"\): matches/,
      /^credential {2}"operator", a client certificate$/m,
      /^recording {3}none/m,
      /idle 14400 s, in all 43200 s/,
      /^outcome {5}allowed/m,
    ]) {
      assert.match(out, pattern);
    }
  });

  it('says who did not allow, and ends with 1', async () => {
    const { code, out } = await run('--user', 'carol', 'exec', 'node-1', 'default/shell', '--', 'id');
    assert.equal(code, 1);
    assert.match(out, /create nodes\/proxy: not allowed \(RBAC: no rule matches\)/);
    assert.match(out, /refused at authorize with 403 Forbidden: nodes "node-1" is forbidden: User "carol"/);
    assert.doesNotMatch(out, /127\.0\.0\.1/, 'nothing is located before the grant');
  });

  it('says at which stage a request ends', async () => {
    const rows: readonly [string, number, readonly string[]][] = [
      ['locate', 404, ['--user', 'alice', 'metrics', 'node-9']],
      ['authorize', 403, ['--user', 'nobody', 'metrics', 'node-9']],
      ['authorize', 403, ['--user', 'system:anonymous', 'metrics', 'node-1']],
    ];
    for (const [stage, code, args] of rows) {
      const { outcome } = await explained(...args);
      assert.deepEqual(
        outcome.kind === 'refused' && [outcome.stage, outcome.code],
        [stage, code],
        args.join(' '),
      );
    }
  });

  it('asks nobody when it is told so', async () => {
    const { outcome, authorization, entry } = await explained(
      '--offline',
      '--user',
      'a',
      'logs',
      'node-1',
      'b/c',
    );
    assert.equal(outcome.kind, 'notDecided');
    assert.deepEqual(
      authorization?.questions.map(({ right, decision }) => [right, decision]),
      [
        ['get nodes/proxy', 'notAsked'],
        ['get pods/log in namespace "b"', 'notAsked'],
      ],
    );
    assert.equal(entry, undefined);
  });

  it('takes the user from the claims as their issuer maps them', async () => {
    const yaml = await readFile(join(folder, 'authentication.yaml'), 'utf8');
    const iss = /url: (\S+)/.exec(yaml)?.[1];
    const claims = join(folder, 'claims.json');
    await writeFile(claims, JSON.stringify({ iss, sub: 'bob', groups: ['monitoring'], jti: '7' }));
    const { user, outcome } = await explained('--claims', claims, 'metrics', 'node-1');
    assert.equal(outcome.kind, 'allowed');
    assert.deepEqual([user.name, user.groups], ['bob', ['monitoring', 'system:authenticated']]);
    await writeFile(claims, JSON.stringify({ iss, sub: 'bob', groups: ['system:masters'] }));
    const { code, err } = await run('--claims', claims, 'metrics', 'node-1');
    assert.equal(code, 2);
    assert.match(err, /these claims name no user: .*"system:", which is reserved/);
  });

  it('judges expressions over claims, and prints no claim', async () => {
    const file = await variant('when.yaml', (yaml) =>
      yaml.replace(
        'credentialMappings:',
        'credentialMappings:\n  - { credential: operator, users: [bob], when: "claims.team == \'red\'" }',
      ),
    );
    const claims = join(folder, 'team.json');
    const judge = (text: string) =>
      writeFile(claims, text).then(() =>
        runWith(file, ['--user', 'bob', '--claims', claims, 'metrics', 'node-1']),
      );
    const red = await judge('{"team":"red","secret":"do-not-print-me"}');
    assert.equal(red.code, 0);
    assert.match(red.out, /credential {2}"operator"/);
    assert.doesNotMatch(red.out, /do-not-print/);
    const blue = await judge('{"team":"blue"}');
    assert.match(blue.out, /credentialMappings\[0\] \("operator"\): does not match, its expression is false/);
    const none = await judge('{}');
    assert.equal(none.code, 1);
    assert.match(
      none.out,
      /refused at credential with 500 InternalError: the expression of credentialMappings\[0\]/,
    );
  });

  it('names the endpoints that are off, the recording rule and the credential that cannot be read', async () => {
    const file = await variant(
      'strict.yaml',
      (yaml) =>
        `${yaml.replace('enabled: [run, checkpoint, debug, flagz, statusz]', 'enabled: [debug]')}recording:
  directory: ${join(folder, 'recordings')}
  rules:
    - { groups: [dba], mode: best-effort }
    - { namespaces: [default], mode: required, stdin: on }
`,
    );
    const off = await runWith(file, [
      '--user',
      'alice',
      '-c',
      'shell',
      'run',
      'node-1',
      'default/shell',
      '--',
      'id',
    ]);
    assert.equal(off.code, 1);
    assert.match(off.out, /endpoints {3}off: run, checkpoint, flagz, statusz/);
    assert.match(off.out, /refused at resolve with 404 NotFound: this endpoint is off/);
    const exec = await runWith(file, ['--user', 'alice', 'exec', 'node-1', 'default/shell', '--', 'id']);
    assert.match(exec.out, /recording {3}required, by recording\.rules\[1\]; what is typed is recorded too/);
    await assert.rejects(readFile(join(folder, 'recordings')), /ENOENT/, 'and no recording is begun');
    const broken = await variant('broken.yaml', (yaml) => yaml.replaceAll('{node}-operator', 'nothing'));
    const unusable = await runWith(broken, ['--user', 'alice', 'configz', 'node-1']);
    assert.equal(unusable.code, 1);
    assert.match(unusable.out, /refused at credential with 503 ServiceUnavailable/);
    assert.match(unusable.out, /^note .*credential operator: the credential cannot be read/m);
  });

  it('asks the API server where that is the authorizer, and gives its reasons', async (t) => {
    const api = await startApiServer({
      decide: (spec) =>
        'resourceAttributes' in spec && spec.resourceAttributes.resource === 'pods'
          ? { allowed: true, reason: 'by \u001B[31mRoleBinding' }
          : { allowed: false, reason: 'no RBAC policy matched' },
    });
    t.after(() => api.close());
    await writeFile(join(folder, 'kubeconfig.yaml'), api.kubeconfig);
    const file = await variant('sar.yaml', (yaml) =>
      yaml
        .replace('mode: RBAC', 'mode: SubjectAccessReview')
        .replace(/rbac: .*/, 'subjectAccessReview: { kubeconfigFile: kubeconfig.yaml }'),
    );
    const args = ['--user', 'dan', '--groups', 'a,b', 'exec', 'node-1', 'default/shell', '--', 'id'];
    const offline = await runWith(file, ['--offline', ...args]);
    assert.match(offline.out, /not decided/);
    assert.equal(api.requests.length, 0);
    const { code, out } = await runWith(file, args);
    assert.equal(code, 0, out);
    assert.match(out, /create nodes\/proxy: not allowed \(no RBAC policy matched\)/);
    assert.match(out, /create pods\/exec in namespace "default": allowed \(by \uFFFD\[31mRoleBinding\)/);
    assert.doesNotMatch(out, /\u001B/);
    assert.deepEqual(api.requests[0]?.groups, ['a', 'b', 'system:authenticated']);
    api.interrupt({ kind: 'status', code: 403 });
    const refused = await runWith(file, args);
    assert.equal(refused.code, 1);
    assert.match(refused.out, /create nodes\/proxy: could not be decided \(.*HTTP 403/);
    assert.match(refused.out, /refused at authorize with 500/);
  });

  it('asks the API server where the pod of a request without a node is, as the gateway does', async (t) => {
    const api = await startApiServer({ decide: () => ({ allowed: false }) });
    t.after(() => api.close());
    await writeFile(join(folder, 'cluster.yaml'), api.kubeconfig);
    const file = await variant('cluster-gateway.yaml', (yaml) =>
      stringify({
        ...(parse(yaml) as object),
        nodes: {
          allowedAddresses: ['127.0.0.0/8'],
          kubernetes: {
            kubeconfigFile: 'cluster.yaml',
            ports: [10250],
            certificateAuthorityFile: 'pki/kubelet-ca.crt',
          },
        },
      }),
    );
    const cluster = connectCluster(api.connection, api.kubeconfig);
    await cluster.create('nodes', {
      metadata: { name: 'node-2' },
      status: {
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      },
    });
    await cluster.create('pods', {
      metadata: { namespace: 'default', name: 'web' },
      spec: { nodeName: 'node-2' },
    });
    const exec = (user: string, pod: string) =>
      runWith(file, ['--user', user, 'exec', '-', `default/${pod}`, '--', 'id']);
    const found = await exec('alice', 'web');
    assert.equal(found.code, 0, found.out);
    assert.match(found.out, /^request {5}GET \/api\/v1\/namespaces\/default\/pods\/web\/exec/m);
    assert.match(found.out, /^permit .*\n {12}- create nodes\/proxy: allowed/m);
    assert.match(found.out, /^find {8}the API server says that the pod is on node "node-2"$/m);
    assert.match(found.out, /^action {6}exec on node "node-2"$/m);
    const refused = await exec('carol', 'web');
    assert.equal(refused.code, 1);
    assert.match(refused.out, /refused at permit with 403 Forbidden/);
    assert.doesNotMatch(refused.out, /node-2/, 'where it is, is not for her');
    const nowhere = await exec('alice', 'gone');
    assert.match(nowhere.out, /refused at find with 404 NotFound/);
  });

  it('says which node is needed where only the nodes know', async () => {
    const { code, out } = await run('--user', 'alice', 'logs', '-', 'default/shell');
    assert.equal(code, 2, out);
    assert.match(out, /^permit .*\n(?: {12}- .*\n)* {12}- get nodes\/proxy: allowed/m);
    assert.match(out, /not decided: the kubelets .* no node is asked here: name its node in place of -/);
    const offline = await run('--offline', '--user', 'alice', 'logs', '-', 'default/shell');
    assert.equal(offline.code, 0);
    assert.match(offline.out, /get nodes\/proxy: not asked/);
    for (const args of [
      ['metrics', '-'],
      ['pods', '-'],
      ['pods', '-', 'default'],
    ]) {
      const { code: usage, err } = await run('--user', 'alice', ...args);
      assert.equal(usage, 2);
      assert.match(err, /only a pod by its name can be asked about/);
    }
  });

  it('holds a session against the session policy: commands, terminal, reason, and what is recorded', async () => {
    const file = await variant(
      'policy.yaml',
      (yaml) => `${yaml}recording:
  directory: ${join(folder, 'policy-recordings')}
  rules:
    - { actions: [exec], mode: required, stdin: echo }
sessionPolicy:
  rules:
    - { namespaces: [default], commands: [["cat", "/etc/hosts"], ["id"]], terminal: none, reason: required }
`,
    );
    const exec = (args: readonly string[], ...command: readonly string[]) =>
      runWith(file, ['--user', 'alice', ...args, 'exec', 'node-1', 'default/shell', '--', ...command]);
    const allowed = await exec(['--reason', 'INC-1', '-i'], 'cat', '/etc/hosts');
    assert.equal(allowed.code, 0, allowed.out);
    assert.match(allowed.out, /^policy {6}sessionPolicy\.rules\[0\] matches, and is kept$/m);
    assert.match(
      allowed.out,
      /^recording {3}required, by recording\.rules\[0\]; what is typed is recorded as far as the terminal shows it$/m,
    );
    for (const [args, command, words] of [
      [[], ['id'], /a reason must be given/],
      [['--reason', 'INC-1', '-i', '-t'], ['id'], /no terminal may be opened here/],
      [['--reason', 'INC-1'], ['cat', '/root/x'], /this command is not among those that may be run/],
    ] as const) {
      const { code, out } = await exec(args, ...command);
      assert.equal(code, 1, out);
      assert.match(out, /refused at locate with 403 Forbidden: sessionPolicy\.rules\[0\]: /);
      assert.match(out, words);
    }
    const elsewhere = await runWith(file, ['--user', 'alice', 'exec', 'node-1', 'kube-system/x', '--', 'id']);
    assert.equal(elsewhere.code, 0, elsewhere.out);
    assert.doesNotMatch(elsewhere.out, /^policy/m);
  });

  it('ends with 2 for what it does not understand', async () => {
    for (const [pattern, ...args] of [
      [/an action and a node are missing/, '--user', 'a', 'exec'],
      [/unknown action "fly"/, '--user', 'a', 'fly', 'node-1'],
      [/--user or --claims is missing/, 'metrics', 'node-1'],
      [/--extra is KEY=VALUE/, '--user', 'a', '--extra', 'x', 'metrics', 'node-1'],
      [/text or json/, '--user', 'a', '--output', 'xml', 'metrics', 'node-1'],
      [/cannot be read/, '--claims', '/nonexistent', 'metrics', 'node-1'],
      [/Unknown option/, '--fly', 'metrics', 'node-1'],
    ] as const) {
      const { code, err } = await run(...args);
      assert.equal(code, 2, args.join(' '));
      assert.match(err, pattern);
    }
    const { code, err } = await runWith(join(folder, 'nothing.yaml'), ['--user', 'a', 'metrics', 'node-1']);
    assert.equal(code, 2);
    assert.match(err, /1 problem/);
  });
});

describe('the words of explain', () => {
  const asked = {
    node: 'node-1',
    rest: ['default/shell'],
    stdin: true,
    tty: true,
    command: ['id'],
    container: 'c',
  };
  const withoutPod = new Set(['healthz', 'metrics', 'stats', 'nodeLogs', 'pprof', 'spec', 'configz']);
  for (const action of ACTION_WORDS) {
    it(`make a request for ${action} that means just that`, () => {
      const rest = withoutPod.has(action) ? [] : asked.rest;
      const { method, target, headers } = toAskedRequest({ ...asked, action, rest });
      const kind = { logs: 'containerLogs', 'port-forward': 'portForward' }[action] ?? action;
      assert.equal(resolved(method, target, headers).action.kind, kind);
    });
  }
  it('know every action', () => {
    for (const kind of ACTION_KINDS) assert.ok(ACTION_WORDS.includes(kind), kind);
  });
  it('carry a command as it is', () => {
    const command = ['sh', '-c', 'a & b # ? é "', ''];
    const { action } = resolved(
      ...(Object.values(toAskedRequest({ ...asked, action: 'exec', command })) as [string, string, string[]]),
    );
    assert.deepEqual(action.kind === 'exec' && action.command, command);
  });
  it('put nothing into a path that is not a name', () => {
    for (const more of [
      { node: 'a/b' },
      { node: '..' },
      { rest: ['default/shell/x'] },
      { rest: ['default'] },
      { rest: ['default/sh?ell'] },
      { rest: ['default/%2e'] },
      { container: 'a/b', action: 'run' },
      { rest: ['default/shell', 'more'] },
    ]) {
      assert.throws(
        () => toAskedRequest({ action: 'exec', ...asked, ...more }),
        UsageError,
        JSON.stringify(more),
      );
    }
  });
});
