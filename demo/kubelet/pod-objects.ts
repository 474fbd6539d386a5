// The v1.Pod objects that a kubelet shows of its pods, in the shape of a real one's /pods and /runningpods/ (Kubernetes
// 1.36): no apiVersion and kind in the items, no resourceVersion of the list.

import type { Container, PodSandbox } from './containers.ts';
import { digest } from './pods.ts';

/** RFC 3339 without fractions, as metav1.Time is written. */
const seconds = (milliseconds: number): string =>
  new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z');

const list = (items: readonly unknown[]): string =>
  `${JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items })}\n`;

/** The body of /pods. */
export const podListJson = (pods: readonly PodSandbox[]): string => list(pods.map(toPodObject));

/** The body of /runningpods/: what the runtime knows. */
export const runningPodsJson = (pods: readonly PodSandbox[]): string =>
  list(
    pods.map((pod) => ({
      metadata: { name: pod.spec.name, namespace: pod.spec.namespace, uid: pod.uid },
      spec: {
        containers: pod.containers.map((container) => ({
          name: container.spec.name,
          image: imageId(container),
          resources: {},
        })),
      },
      status: {},
    })),
  );

const image = (container: Container): string => container.spec.image ?? 'registry.example/busybox:1';
const imageId = (container: Container): string => `sha256:${digest('image', image(container))}`;

const toPodObject = (pod: PodSandbox): unknown => ({
  metadata: toMetadata(pod),
  spec: {
    ...(pod.initContainers.length > 0 ? { initContainers: pod.initContainers.map(toContainer) } : {}),
    containers: pod.containers.map(toContainer),
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    serviceAccountName: 'default',
    serviceAccount: 'default',
    nodeName: pod.nodeName,
    securityContext: {},
    schedulerName: 'default-scheduler',
    priority: 0,
    enableServiceLinks: true,
    preemptionPolicy: 'PreemptLowerPriority',
  },
  status: toStatus(pod),
});

const toMetadata = ({ spec, uid, startedAt }: PodSandbox): unknown => ({
  name: spec.name,
  namespace: spec.namespace,
  uid,
  ...(spec.isStatic === true ? {} : { resourceVersion: '281', generation: 1 }),
  creationTimestamp: spec.isStatic === true ? null : seconds(startedAt),
  ...(spec.labels === undefined ? {} : { labels: spec.labels }),
  annotations: {
    ...spec.annotations,
    ...(spec.isStatic === true ? { 'kubernetes.io/config.hash': uid } : {}),
    'kubernetes.io/config.seen': new Date(startedAt).toISOString(),
    'kubernetes.io/config.source': spec.isStatic === true ? 'file' : 'api',
  },
});

const toContainer = (container: Container): unknown => {
  const { spec } = container;
  const ports = (spec.containerPorts ?? []).map((containerPort) => ({ containerPort, protocol: 'TCP' }));
  const environment = Object.entries(spec.environment ?? {}).map(([name, value]) => ({ name, value }));
  return {
    name: spec.name,
    image: image(container),
    command: spec.command,
    ...(ports.length > 0 ? { ports } : {}),
    ...(environment.length > 0 ? { env: environment } : {}),
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
    ...(spec.stdin === true ? { stdin: true } : {}),
    ...(spec.tty === true ? { tty: true } : {}),
  };
};

const toStatus = (pod: PodSandbox): unknown => {
  const since = seconds(pod.startedAt);
  const ready = pod.containers.every((container) => container.running);
  const condition = (type: string, status: boolean): unknown => ({
    type,
    status: status ? 'True' : 'False',
    lastProbeTime: null,
    lastTransitionTime: since,
  });
  return {
    phase: 'Running',
    conditions: [
      condition('PodReadyToStartContainers', true),
      condition('Initialized', true),
      condition('Ready', ready),
      condition('ContainersReady', ready),
      condition('PodScheduled', true),
    ],
    hostIP: '127.0.0.1',
    hostIPs: [{ ip: '127.0.0.1' }],
    podIP: pod.ip,
    podIPs: [{ ip: pod.ip }],
    startTime: since,
    ...(pod.initContainers.length > 0
      ? { initContainerStatuses: pod.initContainers.map(toContainerStatus) }
      : {}),
    containerStatuses: pod.containers.map(toContainerStatus),
    qosClass: 'BestEffort',
  };
};

const toContainerStatus = (container: Container): unknown => {
  const containerID = `containerd://${container.id}`;
  const startedAt = seconds(container.startedAt);
  const ended = container.ended;
  const finishedAt = seconds(ended?.at ?? container.startedAt);
  const state = container.running
    ? { running: { startedAt } }
    : {
        terminated: {
          exitCode: ended?.code ?? 0,
          reason: (ended?.code ?? 0) === 0 ? 'Completed' : 'Error',
          startedAt,
          finishedAt,
          containerID,
        },
      };
  const restarted = container.spec.previousLog !== undefined;
  const lastState = restarted
    ? { terminated: { exitCode: 137, reason: 'Error', startedAt, finishedAt: startedAt } }
    : {};
  return {
    name: container.spec.name,
    state,
    lastState,
    ready: container.running || container.isInit,
    restartCount: restarted ? 1 : 0,
    image: image(container),
    imageID: imageId(container),
    containerID,
    started: container.running,
  };
};
