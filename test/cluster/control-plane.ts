// etcd and kube-apiserver as processes on loopback, as Kubernetes' own test environments start them: no kubelet and no
// controller, RBAC, and an administrator by client certificate.

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { constants, createWriteStream } from 'node:fs';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../demo/free-port.ts';
import { Secret } from '../../src/core/secret.ts';
import { createAuthority } from '../../src/pki/issue.ts';
import { toKubeconfig } from './kubeconfig.ts';

export interface ControlPlane {
  /** Of the administrator. */
  readonly kubeconfig: string;
  stop(): Promise<void>;
}

const READY_MS = 120_000;

/** Rejects with an Error that ends in what the processes had to say. */
export async function startControlPlane(assets: string): Promise<ControlPlane> {
  for (const program of ['etcd', 'kube-apiserver']) {
    await access(join(assets, program), constants.X_OK).catch((cause: unknown) => {
      throw new Error(`there is no program ${program} in ${assets}`, { cause });
    });
  }
  const folder = await mkdtemp(join(tmpdir(), 'control-plane-'));
  const [clientPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  const files = await writeFiles(folder);
  const processes: Running[] = [];
  const stop = async (): Promise<void> => {
    // The API server first: it would complain for long about an etcd that is gone.
    for (const process of processes.toReversed()) await process.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const etcd = `http://127.0.0.1:${clientPort}`;
    processes.push(
      start(folder, join(assets, 'etcd'), [
        `--data-dir=${join(folder, 'etcd')}`,
        `--listen-client-urls=${etcd}`,
        `--advertise-client-urls=${etcd}`,
        `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
        '--unsafe-no-fsync=true',
      ]),
      start(folder, join(assets, 'kube-apiserver'), [
        `--etcd-servers=${etcd}`,
        `--cert-dir=${folder}`,
        '--bind-address=127.0.0.1',
        '--advertise-address=127.0.0.1',
        `--secure-port=${port}`,
        `--tls-cert-file=${files.serving}.crt`,
        `--tls-private-key-file=${files.serving}.key`,
        `--client-ca-file=${files.clientCA}`,
        '--authorization-mode=RBAC',
        '--service-cluster-ip-range=10.0.0.0/24',
        '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
        `--service-account-key-file=${files.accounts}.pub`,
        `--service-account-signing-key-file=${files.accounts}.key`,
        // Nobody makes the account `default` here.
        '--disable-admission-plugins=ServiceAccount',
        '--allow-privileged=true',
      ]),
    );
    await ready(port, files, processes);
  } catch (error) {
    await stop();
    throw error;
  }
  const kubeconfig = toKubeconfig({
    server: `https://127.0.0.1:${port}`,
    certificateAuthority: files.authority,
    credential: {
      kind: 'certificate',
      certificate: files.admin.certificate,
      key: new Secret(files.admin.key),
    },
  });
  return { kubeconfig, stop };
}

async function writeFiles(folder: string) {
  const [servers, clients] = await Promise.all([
    createAuthority('api server CA'),
    createAuthority('client CA'),
  ]);
  const serving = await servers.issue({
    commonName: 'kube-apiserver',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
    usages: ['server'],
  });
  const admin = await clients.issue({
    commonName: 'admin',
    organizations: ['system:masters'],
    usages: ['client'],
  });
  const accounts = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const write = async (name: string, content: string): Promise<string> => {
    await writeFile(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  await write('serving.crt', serving.certificate);
  await write('serving.key', serving.key);
  await write('accounts.pub', accounts.publicKey);
  await write('accounts.key', accounts.privateKey);
  return {
    serving: join(folder, 'serving'),
    accounts: join(folder, 'accounts'),
    clientCA: await write('client-ca.crt', clients.certificate),
    authority: servers.certificate,
    admin,
  };
}

interface Running {
  readonly log: string;
  readonly hasEnded: boolean;
  stop(): Promise<void>;
}

function start(folder: string, program: string, args: readonly string[]): Running {
  const log = join(folder, `${program.split('/').at(-1) ?? 'program'}.log`);
  const output = createWriteStream(log);
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout?.pipe(output, { end: false });
  child.stderr?.pipe(output, { end: false });
  let hasEnded = false;
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      hasEnded = true;
      resolve();
    };
    child.once('exit', end).once('error', end);
  });
  return {
    log,
    get hasEnded() {
      return hasEnded;
    },
    stop: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(timer);
      output.end();
      await once(output, 'close');
    },
  };
}

/** /readyz says yes once the built-in roles are there too. */
async function ready(
  port: number,
  { authority, admin }: Awaited<ReturnType<typeof writeFiles>>,
  processes: readonly Running[],
): Promise<void> {
  const agent = new Agent({ ca: authority, cert: admin.certificate, key: admin.key });
  const until = Date.now() + READY_MS;
  while ((await statusOf(agent, port)) !== 200) {
    const ended = processes.find(({ hasEnded }) => hasEnded);
    if (ended === undefined && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      continue;
    }
    const texts = await Promise.all(processes.map(({ log }) => readFile(log, 'utf8').catch(() => '')));
    const tails = texts.map((text) => text.slice(-3000)).join('\n---\n');
    throw new Error(
      `the control plane ${ended === undefined ? 'is not ready in time' : 'has ended'}:\n${tails}`,
    );
  }
  agent.destroy();
}

const statusOf = (agent: Agent, port: number): Promise<number> =>
  new Promise((resolve) => {
    const outgoing = get({ agent, host: '127.0.0.1', port, path: '/readyz', timeout: 5000 }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer')));
    outgoing.on('error', () => resolve(0));
  });
