// The whole gateway between a kubectl and a kubelet: tokens reviewed by the API server, rights asked of it, and a token of
// a ServiceAccount shown to the kubelet.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { stringify } from 'yaml';
import type { GatewayProcess } from '../../demo/gateway-process.ts';
import type { Finished } from '../support/scenario.ts';
import type { Cluster, ClusterNode } from './cluster.ts';
import { freePort } from '../../demo/free-port.ts';
import { startGatewayProcess } from '../../demo/gateway-process.ts';
import { kubectlPath } from '../../scripts/kubectl.ts';
import { systemClock } from '../../src/core/ports.ts';
import { createIssuingClient } from '../../src/kube/issuing-client.ts';
import { createAuthority } from '../../src/pki/issue.ts';
import { eventually } from '../support/eventually.ts';
import { run } from '../support/scenario.ts';
import { KUBELET_ACCOUNT, POD, POD_OUTPUT, role, roleBinding, USER_ACCOUNT } from './cluster.ts';
import { toKubeconfig } from './kubeconfig.ts';

const NO_NODE = 'there is no kubelet in this cluster';

export function defineGatewayScenario(cluster: () => Cluster): void {
  let gateway: Running | undefined;
  before(async () => {
    const { node } = cluster();
    if (node !== undefined) gateway = await startGateway(cluster(), node);
  });
  after(() => gateway?.close());

  it('is refused without a right, in words, and reaches no kubelet', async (t) => {
    if (gateway === undefined) {
      t.skip(NO_NODE);
      return;
    }
    const { code, stderr } = await gateway.kubectl('exec', POD, '-c', POD, '--', 'echo', 'hello');
    assert.notEqual(code, 0);
    assert.match(stderr, /Forbidden|forbidden/);
  });

  it('runs a command and reads a log with the rights on pods alone', async (t) => {
    if (gateway === undefined) {
      t.skip(NO_NODE);
      return;
    }
    const { namespace } = cluster();
    const person = { kind: 'ServiceAccount', name: USER_ACCOUNT, namespace } as const;
    await cluster().create(
      role(namespace, 'debugger', [
        { apiGroups: [''], resources: ['pods', 'pods/log'], verbs: ['get'] },
        { apiGroups: [''], resources: ['pods/exec'], verbs: ['create'] },
      ]),
    );
    await cluster().create(roleBinding(namespace, 'debugger', 'debugger', person));
    const running = gateway;
    const executed = await eventually('the right', async () => {
      const finished = await running.kubectl(
        'exec',
        POD,
        '-c',
        POD,
        '--',
        '/bin/sh',
        '-c',
        'echo hello; exit 3',
      );
      return /orbidden/.test(finished.stderr) ? undefined : finished;
    });
    assert.equal(executed.stdout.toString(), 'hello\n', executed.stderr);
    assert.equal(executed.code, 3);
    const log = await running.kubectl('logs', POD, '-c', POD);
    assert.equal(log.code, 0, log.stderr);
    assert.match(log.stdout.toString(), new RegExp(POD_OUTPUT));
    const typed = await running.kubectl('exec', '-i', POD, '-c', POD, '--', 'cat');
    assert.equal(typed.stdout.toString(), 'typed\n');
  });

  it('says which pod is not there, and of a container that it is not', async (t) => {
    if (gateway === undefined) {
      t.skip(NO_NODE);
      return;
    }
    const pod = await gateway.kubectl('get', 'pod', 'nope');
    assert.equal(pod.code, 1);
    assert.match(pod.stderr, /Error from server \(NotFound\): pods "nope" not found/);
    const container = await gateway.kubectl('logs', POD, '-c', 'nope');
    assert.equal(container.code, 1);
    assert.match(container.stderr, /container nope is not valid for pod web/);
  });

  it('has every exchange in its audit log', async (t) => {
    if (gateway === undefined) {
      t.skip(NO_NODE);
      return;
    }
    const text = await readFile(join(gateway.folder, 'audit.log'), 'utf8');
    const { namespace } = cluster();
    assert.match(text, new RegExp(`"username":"system:serviceaccount:${namespace}:${USER_ACCOUNT}"`));
    assert.match(text, /"subresource":"exec"/);
    assert.match(text, /"code":403/);
    assert.match(text, /"code":101/);
  });
}

interface Running {
  readonly folder: string;
  kubectl(...args: readonly string[]): Promise<Finished>;
  close(): Promise<void>;
}

async function startGateway(cluster: Cluster, node: ClusterNode): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'cluster-gateway-'));
  const write = (name: string, text: string): Promise<void> =>
    writeFile(join(folder, name), text, { mode: 0o600 });
  const authority = await createAuthority('cluster scenario CA');
  const serving = await authority.issue({
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
    usages: ['server'],
  });
  const [person, kubelet] = await requestTokens(cluster);
  const [port, adminPort] = await Promise.all([freePort(), freePort()]);
  await write('gateway.crt', serving.certificate);
  await write('gateway.key', serving.key);
  await write('kubelet-ca.crt', node.certificateAuthority);
  await write('kubelet.token', kubelet);
  await write('kubeconfig', toKubeconfig(cluster.gateway));
  await write('gateway.yaml', toConfiguration({ node, port, adminPort }));
  await write(
    'client.yaml',
    toKubeconfig(
      {
        server: `https://127.0.0.1:${port}/nodes/${node.name}`,
        certificateAuthority: authority.certificate,
        token: person,
      },
      cluster.namespace,
    ),
  );
  const process: GatewayProcess = await startGatewayProcess({
    configurationFile: join(folder, 'gateway.yaml'),
    adminPort,
    logFile: join(folder, 'gateway.log'),
  });
  return {
    folder,
    kubectl: (...args) =>
      run(kubectlPath(), args, {
        env: { KUBECONFIG: join(folder, 'client.yaml'), HOME: folder },
        stdin: 'typed\n',
      }),
    close: async () => {
      process.signal('SIGTERM');
      await process.ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** For the person the audience of the gateway, for the kubelet that of the API server. */
async function requestTokens({ gateway, namespace }: Cluster): Promise<readonly [string, string]> {
  const issuing = createIssuingClient({ clock: systemClock }, gateway);
  const ask = async (serviceAccount: string, audiences: readonly string[]): Promise<string> => {
    const spec = { namespace, serviceAccount, audiences, expirationSeconds: 3600 };
    const { token } = await issuing.requestToken(spec, AbortSignal.timeout(30_000));
    return token.reveal();
  };
  try {
    return [await ask(USER_ACCOUNT, ['kubelet-gateway']), await ask(KUBELET_ACCOUNT, [])];
  } finally {
    issuing.close();
  }
}

interface Ports {
  readonly node: ClusterNode;
  readonly port: number;
  readonly adminPort: number;
}

const toConfiguration = ({ node, port, adminPort }: Ports): string =>
  stringify({
    apiVersion: 'kubelet-gateway.io/v1alpha1',
    kind: 'GatewayConfiguration',
    listeners: [
      {
        name: 'main',
        address: '127.0.0.1',
        port,
        tls: { certificateFile: 'gateway.crt', privateKeyFile: 'gateway.key' },
      },
    ],
    admin: { address: '127.0.0.1', port: adminPort },
    authentication: { tokenReview: { kubeconfigFile: 'kubeconfig', audiences: ['kubelet-gateway'] } },
    authorization: {
      mode: 'SubjectAccessReview',
      podSubresources: 'enabled',
      // The scenario changes rights, and does not wait for what is remembered of them.
      subjectAccessReview: { kubeconfigFile: 'kubeconfig', authorizedTTL: '0s', unauthorizedTTL: '0s' },
    },
    nodes: {
      list: [
        {
          name: node.name,
          address: node.address,
          port: node.port,
          serverName: node.serverName,
          certificateAuthorityFile: 'kubelet-ca.crt',
        },
      ],
      // A cluster on this very host.
      allowedAddresses: ['127.0.0.0/8', '::1/128'],
    },
    credentials: [{ name: 'kubelet', bearerTokenFile: 'kubelet.token' }],
    credentialMappings: [{ credential: 'kubelet' }],
    audit: { file: { path: 'audit.log' } },
    shutdown: { grace: '1s' },
  });
