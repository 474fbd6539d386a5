// A whole gateway on loopback: the demo's surroundings, the gateway as a process of its own, and the real clients.

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DemoUser, Environment } from '../../demo/environment.ts';
import type { GatewayProcess } from '../../demo/gateway-process.ts';
import { startEnvironment } from '../../demo/environment.ts';
import { startGatewayProcess } from '../../demo/gateway-process.ts';
import { kubectlPath } from '../../scripts/kubectl.ts';

export { eventually } from './eventually.ts';

export interface Finished {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: Buffer | string;
  /** The process is killed after this time, and its code is null. Default 60,000. */
  readonly timeoutMs?: number;
}

/** Runs a program to its end. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...options.env }, stdio: 'pipe' });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.stdin ?? '');
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() });
    });
  });
}

/** An audit.k8s.io/v1 Event, as far as the tests look into it. */
export interface AuditEvent {
  readonly auditID: string;
  readonly stage: string;
  readonly level: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username?: string; readonly groups?: readonly string[] };
  readonly sourceIPs: readonly string[];
  readonly userAgent?: string;
  readonly objectRef?: {
    readonly resource: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code: number; readonly message?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Scenario {
  readonly environment: Environment;
  readonly gateway: GatewayProcess;
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  /** Environment variables for a kubectl of the test's own making. */
  readonly kubectlEnv: Readonly<Record<string, string>>;
  kubectl(user: string, args: readonly string[], options?: RunOptions): Promise<Finished>;
  /** curl with the gateway's CA; `user` adds a bearer token. Flags: silent, show errors. */
  curl(user: DemoUser | undefined, path: string, ...args: readonly string[]): Promise<Finished>;
  auditEvents(): Promise<readonly AuditEvent[]>;
  gatewayLog(): Promise<string>;
  close(): Promise<void>;
}

export interface ScenarioOptions {
  /** Rewrites the demo's gateway.yaml before the gateway reads it. */
  readonly configure?: (yaml: string) => string;
  /** More files in the environment's folder, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** How long ID tokens of people in browsers are good for. Default an hour. */
  readonly idTokenSeconds?: number;
  /** Groups that everybody at the provider has besides their own. Default none. */
  readonly moreGroups?: readonly string[];
}

/**
 * Starts everything in a folder of its own. Close it in `after`, with `closeAll`. Where it cannot be started, what it had
 * opened is closed again, and it rejects with what `configure` threw or with the gateway's own last words.
 */
export async function startScenario(options: ScenarioOptions = {}): Promise<Scenario> {
  const directory = await mkdtemp(join(tmpdir(), 'kubelet-gateway-'));
  const opened: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true })];
  try {
    const environment = await startEnvironment({
      directory,
      port: 0,
      ...(options.idTokenSeconds === undefined ? {} : { idTokenSeconds: options.idTokenSeconds }),
      ...(options.moreGroups === undefined ? {} : { moreGroups: options.moreGroups }),
    });
    opened.push(() => environment.close());
    await writeConfiguration(environment, options);
    const gateway = await startGatewayProcess({
      configurationFile: environment.configurationFile,
      adminPort: environment.adminPort,
      logFile: join(directory, 'gateway.log'),
    });
    opened.push(async () => {
      gateway.signal('SIGTERM');
      await gateway.ended;
    });
    return toScenario(environment, gateway, () => closeInTurn(opened));
  } catch (error) {
    await closeInTurn(opened);
    throw error;
  }
}

/** The last first. */
async function closeInTurn(opened: (() => Promise<void>)[]): Promise<void> {
  for (let close = opened.pop(); close !== undefined; close = opened.pop()) await close();
}

async function writeConfiguration(environment: Environment, options: ScenarioOptions): Promise<void> {
  for (const [name, content] of Object.entries(options.files ?? {})) {
    await writeFile(join(environment.directory, name), content, { mode: 0o600 });
  }
  if (options.configure === undefined) return;
  const yaml = await readFile(environment.configurationFile, 'utf8');
  await writeFile(environment.configurationFile, options.configure(yaml));
}

function toScenario(environment: Environment, gateway: GatewayProcess, close: () => Promise<void>): Scenario {
  const { directory } = environment;
  const kubectlEnv = { KUBECONFIG: join(directory, 'kubeconfig'), HOME: directory };
  const url = `https://127.0.0.1:${environment.port}`;
  return {
    environment,
    gateway,
    url,
    kubectlEnv,
    kubectl: (user, args, runOptions = {}) =>
      run(kubectlPath(), ['--context', user, ...args], {
        ...runOptions,
        env: { ...kubectlEnv, ...runOptions.env },
      }),
    curl: async (user, path, ...args) => {
      const token =
        user === undefined ? [] : ['-H', `Authorization: Bearer ${await environment.issueToken(user)}`];
      const base = ['-sS', '--max-time', '30', '--path-as-is', '--cacert', join(directory, 'ca.crt')];
      return run('curl', [...base, ...token, ...args, `${url}${path}`]);
    },
    auditEvents: async () =>
      (await readFile(join(directory, 'audit.log'), 'utf8'))
        .split('\n')
        // What follows the last line feed is nothing, or an event of which only the beginning is written.
        .slice(0, -1)
        .map((line) => JSON.parse(line) as AuditEvent),
    gatewayLog: () => readFile(join(directory, 'gateway.log'), 'utf8'),
    close,
  };
}
