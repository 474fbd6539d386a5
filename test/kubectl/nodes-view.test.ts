// Nodes in kubectl's words, and what a kubelet may say of its machine.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { NodeEntry } from '../../src/core/node.ts';
import { toNodesDocument } from '../../src/kubectl/nodes-view.ts';
import { readBuild, readMachine, readStatus } from '../../src/kubectl/usage/machine.ts';
import { nodeName } from '../support/resolved.ts';

const NOW = Date.parse('2026-11-23T17:20:00Z');
const node = (more: Partial<NodeEntry> = {}): NodeEntry => ({
  name: nodeName('node-1'),
  address: '10.0.0.1',
  port: 10250,
  serverName: 'node-1',
  certificateAuthority: '',
  fingerprint: 'f',
  ...more,
});
const cells = (entry: NodeEntry): unknown => {
  const { rows } = toNodesDocument([entry], 'Table', NOW) as { rows: { cells: string[] }[] };
  return rows[0]?.cells;
};

describe('a table of nodes', () => {
  it('says what is not known', () => {
    const unknown = '<unknown>';
    assert.deepEqual(cells(node()), [
      'node-1', 'Unknown', '<none>', unknown, unknown, '10.0.0.1', '<none>', unknown, unknown, unknown,
    ]); // prettier-ignore
  });

  it('shows what is', () => {
    const info = {
      createdAt: NOW - 3 * 86_400_000,
      kubeletVersion: 'v1.36.2',
      osImage: 'Debian',
      kernelVersion: '6.12',
      containerRuntime: 'containerd://2.1',
    };
    const labels = { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/gpu': '', x: 'y' };
    assert.deepEqual(cells(node({ ready: false, labels, info, address: 'n1.example' })), [
      'node-1', 'NotReady', 'gpu,worker', '3d', 'v1.36.2', '<none>', '<none>', 'Debian', '6.12', 'containerd://2.1',
    ]); // prettier-ignore
  });

  it('steers no terminal', () => {
    assert.ok(!JSON.stringify(cells(node({ info: { osImage: 'a\u001b[2Jb' } }))).includes('\\u001b'));
  });
});

it('an object says its resources only where they are known', () => {
  const object = toNodesDocument([node({ info: { cpu: '2', memory: '8Ki' } })], 'Object', NOW, {
    name: 'node-1',
  });
  assert.match(JSON.stringify(object), /"allocatable":\{"cpu":"2","memory":"8Ki"\}/);
  assert.match(JSON.stringify(object), /"capacity":\{"cpu":"2","memory":"8Ki"\}/);
  assert.doesNotMatch(JSON.stringify(toNodesDocument([node()], 'Object', NOW)), /allocatable/);
});

it('an object tells what a machine has from what of it is for pods, and what it is', () => {
  const info = {
    cpu: '1930m',
    memory: '8Ki',
    cpuCapacity: '2',
    memoryCapacity: '9Ki',
    operatingSystem: 'linux',
    architecture: 'arm64',
  };
  const object = JSON.stringify(toNodesDocument([node({ info })], 'Object', NOW, { name: 'node-1' }));
  assert.match(
    object,
    /"capacity":\{"cpu":"2","memory":"9Ki"\},"allocatable":\{"cpu":"1930m","memory":"8Ki"\}/,
  );
  assert.match(object, /"operatingSystem":"linux","architecture":"arm64"/);
});

it('an object lacks no field of NodeSystemInfo, known or not (k8s.io/api core/v1 types.go)', () => {
  const query = { name: 'node-1' };
  const told = [{}, { kubeletVersion: 'v1.36.2', osImage: 'Debian' }].map((info) => {
    const { status } = toNodesDocument([node({ info })], 'Object', NOW, query) as {
      status: { nodeInfo: Record<string, string> };
    };
    return status.nodeInfo;
  });
  for (const nodeInfo of told) {
    assert.deepEqual(Object.keys(nodeInfo).sort(), [
      'architecture', 'bootID', 'containerRuntimeVersion', 'kernelVersion', 'kubeProxyVersion', 'kubeletVersion',
      'machineID', 'operatingSystem', 'osImage', 'systemUUID',
    ]); // prettier-ignore
  }
  assert.deepEqual([told[0]?.['osImage'], told[1]?.['osImage']], ['', 'Debian']);
});

describe('what a kubelet tells of its machine', () => {
  const captured = (name: string): string =>
    readFileSync(new URL(`../../demo/kubelet/data/${name}`, import.meta.url), 'utf8');

  it('is in its metrics and its status page', () => {
    assert.deepEqual(readMachine(captured('metrics-cadvisor.txt')), {
      kernelVersion: '6.12.57+deb13-amd64',
      osImage: 'Debian GNU/Linux 12 (bookworm)',
      cpu: '2',
      memory: '24684092Ki',
    });
    assert.deepEqual(readStatus(captured('statusz.txt')), { kubeletVersion: 'v1.36.2' });
    assert.deepEqual(readBuild('kubernetes_build_info{git_version="v1.35.0-eks-1a2b3c"} 1'), {
      kubeletVersion: 'v1.35.0-eks-1a2b3c',
    });
  });

  for (const line of [
    'machine_cpu_cores 1.5',
    'machine_cpu_cores -1',
    'machine_cpu_cores 1e9',
    'machine_memory_bytes 1e300',
    'machine_memory_bytes 0',
    'cadvisor_version_info{kernelVersion="\u001b[2J",osVersion=""} 1',
    `cadvisor_version_info{kernelVersion="${'x'.repeat(129)}"} 1`,
  ]) {
    it(`nothing of ${JSON.stringify(line.slice(0, 40))}`, () => assert.deepEqual(readMachine(line), {}));
  }

  it('nothing of what does not look like a version', () => {
    for (const version of ['', 'v1', 'v1.2.3 x', '<b>', 'v1.2.3\\n', `v1.2.3-${'x'.repeat(80)}`]) {
      assert.deepEqual(readBuild(`kubernetes_build_info{git_version="${version}"} 1`), {}, version);
      assert.deepEqual(readStatus(`Binary version: ${version}`), {}, version);
    }
  });
});
