import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubernetesNodes } from '../../src/core/node-source.ts';
import { readNode, toNode } from '../../src/inventory/node-object.ts';

type Options = Pick<KubernetesNodes, 'addressTypes' | 'ports' | 'trust'>;

const options: Options = {
  addressTypes: ['InternalIP'],
  ports: [10250],
  trust: { serverName: '{node}', certificateAuthority: 'PEM' },
};

const addresses = [
  { type: 'Hostname', address: 'node-1.example.org' },
  { type: 'ExternalIP', address: '203.0.113.7' },
  { type: 'InternalIP', address: '10.0.0.11' },
  { type: 'InternalIP', address: 'fd00::11' },
];

const node = (status: object, metadata: object = {}): object => ({
  metadata: { name: 'node-1', ...metadata },
  status: { addresses, ...status },
});

const dialled = (object: object, more: Partial<Options> = {}) => {
  const found = toNode(readNode(object), { ...options, ...more });
  return typeof found === 'string' ? found : `${found.address}:${found.port} ${found.serverName}`;
};

describe('a Node object', () => {
  it('says what is dialled, by the first type of address that it has', () => {
    assert.equal(dialled(node({})), '10.0.0.11:10250 node-1');
    assert.equal(
      dialled(node({}), { addressTypes: ['ExternalDNS', 'Hostname'] }),
      'node-1.example.org:10250 node-1',
    );
    assert.equal(
      dialled(node({}), { addressTypes: ['ExternalDNS'] }),
      'it has no address of type ExternalDNS',
    );
    assert.equal(dialled({ metadata: { name: 'a' } }), 'it has no address of type InternalIP');
  });

  it('says at which port, and only ports that are allowed are dialled', () => {
    const at = (Port: unknown) => node({ daemonEndpoints: { kubeletEndpoint: { Port } } });
    assert.equal(dialled(at(10250)), '10.0.0.11:10250 node-1');
    assert.equal(dialled(at(0)), '10.0.0.11:10250 node-1');
    assert.equal(dialled(at(10350), { ports: [10250, 10350] }), '10.0.0.11:10350 node-1');
    for (const port of [22, 6443, 2379, 65536]) {
      assert.match(dialled(at(port)), /which is not one of nodes.kubernetes.ports/);
    }
    for (const port of ['10250', 1.5, {}]) assert.throws(() => readNode(at(port)), /port of its kubelet/);
  });

  it('says which name its certificate has, as the configuration puts it', () => {
    const named = (serverName: string) =>
      dialled(node({}), { trust: { serverName, certificateAuthority: 'PEM' } }).split(' ')[1];
    assert.equal(named('{address}'), '10.0.0.11');
    assert.equal(named('system:node:{node}'), 'system:node:node-1');
    assert.equal(named('{node}.nodes.example.org'), 'node-1.nodes.example.org');
  });

  it('has labels and readiness', () => {
    const labels = { pool: 'gpu', odd: 1 };
    const conditions = [
      { type: 'MemoryPressure', status: 'True' },
      { type: 'Ready', status: 'True' },
    ];
    const facts = readNode(node({ conditions }, { labels }));
    assert.deepEqual([facts.labels, facts.ready], [{ pool: 'gpu' }, true]);
    for (const status of ['False', 'Unknown', true, undefined]) {
      assert.equal(readNode(node({ conditions: [{ type: 'Ready', status }] })).ready, false);
    }
    assert.equal(readNode(node({})).ready, false);
  });

  it('cannot put one kind of address in the place of another', () => {
    const only = (type: string, address: unknown) => node({ addresses: [{ type, address }] });
    const types: Options['addressTypes'] = ['InternalIP', 'Hostname', 'InternalDNS', 'ExternalIP'];
    for (const [type, address] of [
      ['InternalIP', 'evil.example.org'],
      ['InternalIP', '127.1'],
      ['InternalIP', '10.0.0.1/8'],
      ['ExternalIP', '[::1]'],
      ['Hostname', '2130706433'],
      ['Hostname', '0x7f000001'],
      ['Hostname', '127.1'],
      ['Hostname', 'a b'],
      ['Hostname', 'a/b'],
      ['Hostname', ''],
      ['InternalDNS', 'https://x'],
      ['Secret', '10.0.0.1'],
      ['InternalIP', 1],
      ['InternalIP', null],
    ] as const) {
      assert.match(
        dialled(only(type, address), { addressTypes: types }),
        /^it has no address/,
        String(address),
      );
    }
    assert.equal(dialled(only('Hostname', 'node-1'), { addressTypes: types }), 'node-1:10250 node-1');
    assert.equal(dialled(only('Hostname', '10.0.0.9'), { addressTypes: types }), '10.0.0.9:10250 node-1');
  });

  it('must have the name of a node', () => {
    for (const name of ['', 'a/b', '..', 'A', 1, undefined, '__proto__']) {
      assert.throws(() => readNode({ metadata: { name } }), /without a valid name/);
    }
    for (const value of [null, 1, 'x', []]) assert.throws(() => readNode(value), /without a valid name/);
  });
});

describe('what a Node object says of its machine', () => {
  const nodeInfo = {
    kubeletVersion: 'v1.36.2',
    osImage: 'Debian',
    kernelVersion: '6.12',
    containerRuntimeVersion: 'containerd://2.1',
    operatingSystem: 'linux',
    architecture: 'amd64',
  };
  it('is kept, less what is no version, quantity or time', () => {
    const created = { creationTimestamp: '2026-11-20T00:00:00Z' };
    assert.deepEqual(
      readNode(
        node(
          {
            nodeInfo,
            allocatable: { cpu: '1930m', memory: '8Ki' },
            capacity: { cpu: '2', memory: '9Ki', pods: '110' },
          },
          created,
        ),
      ).info,
      {
        createdAt: Date.parse('2026-11-20T00:00:00Z'),
        kubeletVersion: 'v1.36.2',
        osImage: 'Debian',
        kernelVersion: '6.12',
        containerRuntime: 'containerd://2.1',
        operatingSystem: 'linux',
        architecture: 'amd64',
        cpu: '1930m',
        memory: '8Ki',
        cpuCapacity: '2',
        memoryCapacity: '9Ki',
      },
    );
    const wrong = {
      kubeletVersion: '\u001b[2J',
      osImage: 'x'.repeat(129),
      kernelVersion: 6,
      operatingSystem: '\n',
    };
    const odd = node(
      { nodeInfo: wrong, allocatable: { cpu: '-1', memory: '1 Ki' }, capacity: { cpu: 2 } },
      { creationTimestamp: 'x' },
    );
    assert.deepEqual(readNode(odd).info, {});
  });
});
