// The container runtime of the simulated node: a folder, a log file and a main process for every container. Everything
// runs as the local user and is ended, with its folder, when the node stops.

import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Writable } from 'node:stream';
import { once } from 'node:events';
import { ContainerLog } from './container-log.ts';
import { digest, podUid } from './pods.ts';
import type { SimulatedContainer, SimulatedPod } from './pods.ts';
import { startProcess } from './processes.ts';
import type { FailedProcess, RunningProcess } from './processes.ts';

export interface Container {
  readonly spec: SimulatedContainer;
  readonly isInit: boolean;
  /** 64 hex digits. */
  readonly id: string;
  readonly log: ContainerLog;
  readonly startedAt: number;
  readonly running: boolean;
  readonly ended: { readonly code: number; readonly at: number } | undefined;
  /** Starts a further process in the container. */
  exec(command: readonly string[], streams: { tty: boolean; stdin: boolean }): RunningProcess | FailedProcess;
  /** Undefined when the main process has ended. */
  attach(): Attachment | undefined;
}

/** One of any number of clients that share the main process's streams. */
export interface Attachment {
  readonly tty: boolean;
  readonly stdin: Writable | undefined;
  readonly stdout: PassThrough;
  readonly stderr: PassThrough | undefined;
  resize(columns: number, rows: number): void;
  detach(): void;
}

export interface PodSandbox {
  readonly spec: SimulatedPod;
  readonly nodeName: string;
  readonly uid: string;
  readonly sandboxId: string;
  readonly ip: string;
  readonly startedAt: number;
  readonly containers: readonly Container[];
  readonly initContainers: readonly Container[];
  /** The local port that stands for a container port. */
  localPort(containerPort: number): number | undefined;
  /** Ends the pod's processes, at once and without waiting. */
  kill(): void;
  stop(): Promise<void>;
}

export interface RuntimeOptions {
  readonly nodeName: string;
  /** Where containers get their folders and logs. */
  readonly directory: string;
  readonly now: () => number;
}

/** Starts a pod: init containers one after the other, then the others. */
export const startPod = async (
  spec: SimulatedPod,
  index: number,
  options: RuntimeOptions,
): Promise<PodSandbox> => {
  const uid = podUid(options.nodeName, spec);
  const name = `${spec.namespace}_${spec.name}_${uid}`;
  const ports = new Map(Object.entries(spec.ports ?? {}).map(([from, to]) => [Number(from), to]));
  const servers = await serveHttpPorts(spec, ports);
  const processes: MainProcess[] = [];
  const start = (container: SimulatedContainer, isInit: boolean): MainProcess => {
    const main = new MainProcess(container, isInit, spec, name, options);
    processes.push(main);
    return main;
  };
  const initContainers: MainProcess[] = [];
  for (const container of spec.initContainers ?? []) {
    const main = start(container, true);
    initContainers.push(main);
    await main.over;
  }
  return {
    spec,
    nodeName: options.nodeName,
    uid,
    sandboxId: digest('sandbox', options.nodeName, name),
    ip: `10.88.0.${index + 2}`,
    startedAt: options.now(),
    containers: spec.containers.map((container) => start(container, false)),
    initContainers,
    localPort: (containerPort) => ports.get(containerPort),
    kill: () => processes.forEach((main) => main.stop()),
    stop: async () => {
      for (const main of processes) main.stop();
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
      // A process that was caught between fork and exec may have missed its signal.
      const again = setInterval(() => processes.forEach((main) => main.stop()), 200);
      await Promise.all(processes.map((main) => main.over));
      clearInterval(again);
    },
  };
};

const serveHttpPorts = async (spec: SimulatedPod, ports: Map<number, number>): Promise<Server[]> => {
  const servers: Server[] = [];
  for (const [containerPort, body] of Object.entries(spec.httpPorts ?? {})) {
    // As long as servers in pods keep idle connections; Node's 5 s are less than a loaded machine takes to look at them.
    const server = createServer({ keepAliveTimeout: 60_000 }, (_request, response) => {
      response.setHeader('Content-Type', 'text/plain; charset=utf-8');
      response.end(body);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address === 'object' && address !== null) ports.set(Number(containerPort), address.port);
    servers.push(server);
  }
  return servers;
};

class MainProcess implements Container {
  readonly spec: SimulatedContainer;
  readonly isInit: boolean;
  readonly id: string;
  readonly log: ContainerLog;
  readonly startedAt: number;
  /** Settles when the main process and its output are over. */
  readonly over: Promise<void>;
  ended: { readonly code: number; readonly at: number } | undefined;
  readonly #directory: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #main: RunningProcess | FailedProcess;
  readonly #attachments = new Set<Attachment>();
  readonly #others = new Set<RunningProcess>();

  constructor(
    spec: SimulatedContainer,
    isInit: boolean,
    pod: SimulatedPod,
    podFolder: string,
    { nodeName, directory, now }: RuntimeOptions,
  ) {
    this.spec = spec;
    this.isInit = isInit;
    this.id = digest('container', nodeName, podFolder, spec.name);
    this.startedAt = now();
    this.log = new ContainerLog(join(directory, 'log', 'pods', podFolder, spec.name, '0.log'), now);
    this.#directory = join(directory, 'containers', podFolder, spec.name);
    mkdirSync(this.#directory, { recursive: true });
    this.#environment = {
      PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
      HOME: this.#directory,
      HOSTNAME: pod.name,
      PS1: '$ ',
      ...spec.environment,
    };
    this.#main = this.#start(spec.command, { tty: spec.tty === true, stdin: spec.stdin === true });
    this.over = this.#follow(now);
  }

  get running(): boolean {
    return this.ended === undefined;
  }

  exec(
    command: readonly string[],
    streams: { tty: boolean; stdin: boolean },
  ): RunningProcess | FailedProcess {
    const started = this.#start(command, streams);
    if (started.kind === 'running') {
      this.#others.add(started);
      void started.exited.then(() => this.#others.delete(started));
    }
    return started;
  }

  attach(): Attachment | undefined {
    const main = this.#main;
    if (main.kind === 'failed' || !this.running) return undefined;
    const attachment: Attachment = {
      tty: main.stderr === undefined,
      stdin: main.stdin,
      stdout: new PassThrough(),
      stderr: main.stderr === undefined ? undefined : new PassThrough(),
      resize: (columns, rows) => main.resize(columns, rows),
      detach: () => {
        this.#attachments.delete(attachment);
        attachment.stdout.end();
        attachment.stderr?.end();
      },
    };
    this.#attachments.add(attachment);
    return attachment;
  }

  stop(): void {
    if (this.#main.kind === 'running' && this.running) this.#main.kill();
    for (const other of this.#others) other.kill();
  }

  #start(
    command: readonly string[],
    streams: { tty: boolean; stdin: boolean },
  ): RunningProcess | FailedProcess {
    return startProcess({
      command,
      directory: this.#directory,
      environment: this.#environment,
      ...streams,
    });
  }

  /** Copies the main process's output to the log and to whoever is attached. */
  async #follow(now: () => number): Promise<void> {
    const main = this.#main;
    let code = 128;
    if (main.kind === 'running') {
      main.stdout.on('data', (chunk: Buffer) => this.#spread('stdout', chunk));
      main.stderr?.on('data', (chunk: Buffer) => this.#spread('stderr', chunk));
      code = await main.exited;
    } else {
      this.log.append('stderr', Buffer.from(`${main.reason}\n`));
    }
    this.ended = { code, at: now() };
    this.log.end();
    for (const attachment of this.#attachments) attachment.detach();
  }

  #spread(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    this.log.append(stream, chunk);
    for (const attachment of this.#attachments) attachment[stream]?.write(chunk);
  }
}
