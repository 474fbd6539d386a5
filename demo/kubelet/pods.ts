// The pods of a simulated node: what a caller of startKubelet describes, and the ones that the demo shows.

import { createHash } from 'node:crypto';

export interface SimulatedContainer {
  readonly name: string;
  /** What the container's main process is, run as the local user. An init container's runs once and should end. */
  readonly command: readonly string[];
  readonly image?: string;
  /** The main process has a pseudo-terminal. */
  readonly tty?: boolean;
  /** The main process reads what an attached client sends. */
  readonly stdin?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  readonly containerPorts?: readonly number[];
  /** What an earlier attempt of the container wrote, for `previous`. */
  readonly previousLog?: string;
}

export interface SimulatedPod {
  readonly namespace: string;
  readonly name: string;
  /** Default: made of the node's and the pod's name, and so the same at every start. */
  readonly uid?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly containers: readonly SimulatedContainer[];
  readonly initContainers?: readonly SimulatedContainer[];
  /** Where port-forwards go: container port to a port of 127.0.0.1. */
  readonly ports?: Readonly<Record<number, number>>;
  /** Container ports at which the simulator itself serves this text by HTTP, on a local port of its own. */
  readonly httpPorts?: Readonly<Record<number, string>>;
  /** A static pod: started from a file of the node. */
  readonly isStatic?: boolean;
}

/** 64 hex digits that stand for these words, always the same. */
export const digest = (...words: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(words)).digest('hex');

/** A uid as the API server would give: a UUID; a static pod's is the 32 digits of a hash. */
export const podUid = (nodeName: string, pod: SimulatedPod): string => {
  if (pod.uid !== undefined) return pod.uid;
  const hash = digest('pod', nodeName, pod.namespace, pod.name);
  if (pod.isStatic === true) return hash.slice(0, 32);
  const part = (from: number, length: number): string => hash.slice(from, from + length);
  return [part(0, 8), part(8, 4), `4${part(12, 3)}`, `a${part(15, 3)}`, part(18, 12)].join('-');
};

const WRITE_LINES = `i=0; while :; do i=$((i+1)); echo "line $i"; sleep 1; done`;
const ECHO_LINES = `while read -r line; do echo "out:$line"; echo "err:$line" >&2; done`;

/** What the demo's nodes run: a shell to exec into and attach to, a web server, something that logs, and a crowd. */
export const demoPods = (nodeName: string): readonly SimulatedPod[] => [
  {
    namespace: 'default',
    name: 'shell',
    labels: { app: 'shell' },
    containers: [
      { name: 'shell', image: 'registry.example/busybox:1', command: ['/bin/sh'], tty: true, stdin: true },
    ],
  },
  {
    namespace: 'default',
    name: 'web',
    labels: { app: 'web' },
    containers: [
      {
        name: 'web',
        image: 'registry.example/httpd:2',
        command: ['/bin/sh', '-c', 'echo listening on 8080; exec sleep 2147483'],
        containerPorts: [8080],
      },
    ],
    httpPorts: { 8080: `hello from web on ${nodeName}\n` },
  },
  {
    namespace: 'default',
    name: 'logger',
    labels: { app: 'logger' },
    containers: [
      {
        name: 'logger',
        image: 'registry.example/busybox:1',
        command: ['/bin/sh', '-c', WRITE_LINES],
        previousLog: 'line 1\nline 2\nkilled\n',
      },
    ],
  },
  {
    namespace: 'default',
    name: 'multi',
    labels: { app: 'multi' },
    annotations: { 'kubectl.kubernetes.io/default-container': 'main' },
    initContainers: [
      { name: 'init', image: 'registry.example/busybox:1', command: ['/bin/sh', '-c', 'echo init done'] },
    ],
    containers: [
      {
        name: 'main',
        image: 'registry.example/busybox:1',
        command: ['/bin/sh', '-c', `echo main started; ${ECHO_LINES}`],
        stdin: true,
      },
      {
        name: 'sidecar',
        image: 'registry.example/busybox:1',
        command: ['/bin/sh', '-c', 'echo sidecar started; exec sleep 2147483'],
      },
    ],
  },
  {
    namespace: 'kube-system',
    name: `static-${nodeName}`,
    labels: { component: 'static', tier: 'control-plane' },
    isStatic: true,
    containers: [
      {
        name: 'static',
        image: 'registry.example/pause:3.10',
        command: ['/bin/sh', '-c', 'echo static pod; exec sleep 2147483'],
      },
    ],
  },
];
