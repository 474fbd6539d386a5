// What a kubelet tells of its machine and of itself in its metrics, for the columns of `get nodes` and the percentages of
// `top node`. It comes from a node, which may be hostile: versions are short and printable, amounts are amounts.

import type { NodeInfo } from '../../core/node.ts';
import { readSamples } from './prometheus-text.ts';

const CORES = 'machine_cpu_cores';
const MEMORY = 'machine_memory_bytes';
const VERSIONS = 'cadvisor_version_info';
const BUILD = 'kubernetes_build_info';

const MAX_CORES = 65_536;
const PRINTABLE = /^[\x20-\x7e]{1,128}$/;
/** `v1.36.2`, `v1.36.2+k3s1`, `v1.35.0-eks-1a2b3c` */
const VERSION = /^v?\d{1,3}\.\d{1,4}\.\d{1,4}[-+.\w]{0,60}$/;

const isPrintable = (text: string | undefined): text is string => text !== undefined && PRINTABLE.test(text);

/** Of `/metrics/cadvisor`. */
export function readMachine(body: string): NodeInfo {
  let info: NodeInfo = {};
  for (const { name, value, labels } of readSamples(body, new Set([CORES, MEMORY, VERSIONS]))) {
    if (name === CORES && Number.isInteger(value) && value > 0 && value <= MAX_CORES) {
      info = { ...info, cpu: `${value}` };
    } else if (name === MEMORY && Number.isSafeInteger(value) && value > 0) {
      info = { ...info, memory: `${Math.floor(value / 1024)}Ki` };
    } else if (name === VERSIONS) {
      const kernelVersion = labels.get('kernelVersion');
      const osImage = labels.get('osVersion');
      if (isPrintable(kernelVersion)) info = { ...info, kernelVersion };
      if (isPrintable(osImage)) info = { ...info, osImage };
    }
  }
  return info;
}

/** Of `/metrics`. */
export function readBuild(body: string): NodeInfo {
  for (const { labels } of readSamples(body, new Set([BUILD]))) {
    const version = labels.get('git_version') ?? '';
    if (VERSION.test(version)) return { kubeletVersion: version };
  }
  return {};
}

/** Of `/statusz`, which promises no format: what does not look like a version is none. */
export function readStatus(body: string): NodeInfo {
  const [, version = ''] = /^Binary version: (\S{1,80})$/m.exec(body.slice(0, 16_384)) ?? [];
  return VERSION.test(version) ? { kubeletVersion: version.startsWith('v') ? version : `v${version}` } : {};
}
