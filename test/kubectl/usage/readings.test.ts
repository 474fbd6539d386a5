// What a real kubelet says of CPU and memory, and what a hostile one may say instead.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readSamples } from '../../../src/kubectl/usage/prometheus-text.ts';
import { readResourceMetrics, readSummary, toNanoCores } from '../../../src/kubectl/usage/readings.ts';

const captured = (name: string): string =>
  readFileSync(new URL(`../../../demo/kubelet/data/${name}`, import.meta.url), 'utf8');
const NOW = Date.parse('2026-11-23T17:20:00Z');

describe('the captured answers of a kubelet', () => {
  const readings = readResourceMetrics(captured('metrics-resource.txt'), NOW);
  const rates = readSummary(JSON.parse(captured('stats-summary.json')));

  it('/metrics/resource: the node and each container', () => {
    assert.deepEqual([...readings.keys()].sort(), [
      '',
      'default/cat/cat',
      'default/debian/debian',
      'default/multi/main',
      'default/multi/sidecar',
      'default/shell/shell',
      'default/web/web',
      'kube-system/logger/logger',
    ]);
    assert.deepEqual(readings.get(''), {
      of: undefined,
      cpuSeconds: 4075.845845963,
      cpuAt: 1795454302849,
      memoryBytes: 1610358784,
    });
  });

  it('/stats/summary: a rate for each of them, made when the kubelet says', () => {
    assert.deepEqual([...rates.keys()].sort(), [...readings.keys()].sort());
    assert.deepEqual(rates.get(''), { nanoCores: 135999446, at: Date.parse('2026-11-23T17:18:22Z') });
  });
});

describe('lines that are not what they should be', () => {
  const CPU = 'container_cpu_usage_seconds_total';
  const read = (...lines: readonly string[]): object[] => [
    ...readSamples(lines.join('\n'), new Set(['a', CPU])),
  ];

  for (const line of [
    'a',
    'a ',
    'a NaN',
    'a +Inf',
    'a 1e999',
    'a 0x10',
    'a 1 2 3',
    'a{ 1',
    'a{b} 1',
    'a{b="} 1',
    'a{b="c"',
    'a{b="c""d"} 1',
    'a{b="c",,d="e"} 1',
    `a{${Array.from({ length: 33 }, (_, i) => `l${i}="x"`).join(',')}} 1`,
    `a{b="${'x'.repeat(5000)}"} 1`,
    'b 1',
    '# a 1',
    ' a 1',
  ]) {
    it(`${JSON.stringify(line.slice(0, 30))} is skipped`, () => {
      assert.deepEqual(read(line, 'a 2'), [{ name: 'a', labels: new Map(), value: 2, at: undefined }]);
    });
  }

  it('escapes, exponents, and times', () => {
    assert.deepEqual(read('a{b="x\\"\\\\\\n}",c="",} 1.5e3 1795454302849'), [
      { name: 'a', labels: new Map([['b', 'x"\\\n}'], ['c', '']]), value: 1500, at: 1795454302849 }, // prettier-ignore
    ]);
    for (const time of ['-1', '99999999999999', 'x', '9999999999999']) {
      assert.deepEqual(read(`a 1 ${time}`), [{ name: 'a', labels: new Map(), value: 1, at: undefined }]);
    }
  });

  it('names that Kubernetes gives to nothing, and amounts that nothing has, are left out', () => {
    const labels = '{container="c",namespace="n",pod="p"}';
    const memory = (names: string, value: string): string =>
      `container_memory_working_set_bytes${names} ${value}\n`;
    assert.equal(readResourceMetrics(`${CPU}${labels} 1\n${memory(labels, '1')}`, NOW).size, 1);
    for (const [names, cpu, bytes] of [
      ['{container="\u001b[2J",namespace="n",pod="p"}', '1', '1'],
      ['{container="c",namespace="../x",pod="p"}', '1', '1'],
      ['{container="c",namespace="n",pod="__proto__"}', '1', '1'],
      ['{container="c",namespace="n"}', '1', '1'],
      [labels, '-1', '1'],
      [labels, '1', '1e300'],
      [labels, '1', 'NaN'],
    ] as const) {
      assert.equal(readResourceMetrics(`${CPU}${names} ${cpu}\n${memory(names, bytes)}`, NOW).size, 0, names);
    }
  });

  it('a million containers are cut to what a node can have, and a million samples too', () => {
    let text = '';
    for (let i = 0; i < 60_000; i += 1) {
      text += `${CPU}{container="c${i}",namespace="n",pod="p"} 1\n`;
    }
    assert.equal([...readSamples(text, new Set([CPU]))].length, 50_000);
    assert.equal(readResourceMetrics(text, NOW).size, 0);
    let both = '';
    for (let i = 0; i < 10_000; i += 1) {
      const labels = `{container="c${i}",namespace="n",pod="p"}`;
      both += `${CPU}${labels} 1\ncontainer_memory_working_set_bytes${labels} 1\n`;
    }
    assert.ok(readResourceMetrics(both, NOW).size <= 5_001);
  });

  it('lines past the first 300,000 are not looked at', () => {
    assert.equal(read('\n'.repeat(299_997), 'a 1').length, 1);
    assert.equal(read('\n'.repeat(300_000), 'a 1').length, 0);
  });

  it('any text is read to its end', () => {
    const piece = fc.constantFrom(
      'a',
      '{',
      '}',
      '"',
      '\\',
      '=',
      ',',
      ' ',
      '\n',
      '1',
      'e',
      '\u0000',
      '#',
      CPU,
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 300 }), (pieces) => {
        for (const { value } of readSamples(pieces.join(''), new Set(['a', CPU])))
          assert(Number.isFinite(value));
        readResourceMetrics(pieces.join(''), NOW);
      }),
    );
    for (const filler of ['\n', ' ', '{', 'a{b="', '\\', 'a 1 ', 'a{b="c",']) {
      readResourceMetrics(filler.repeat(400_000), NOW);
    }
  });

  it('any JSON as a summary', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        readSummary(value);
        readSummary({ node: value, pods: [value, { podRef: value, containers: [value] }] });
      }),
    );
    for (const usageNanoCores of [-1, 1e16, '5', null, NaN]) {
      assert.equal(readSummary({ node: { cpu: { usageNanoCores } } }).size, 0);
    }
  });
});

describe('a rate between two readings', () => {
  const reading = (cpuSeconds: number, cpuAt: number) => ({ cpuSeconds, cpuAt });
  it('is in billionths of a core', () => {
    assert.equal(toNanoCores(reading(10, 0), reading(10.5, 10_000)), 50_000_000);
  });
  for (const [name, before, now] of [
    ['a counter that began anew', reading(10, 0), reading(1, 10_000)],
    ['the same moment', reading(10, 5), reading(11, 5)],
    ['a clock that was set back', reading(10, 5), reading(11, 4)],
    ['more than a million cores', reading(0, 0), reading(1e12, 1)],
  ] as const) {
    it(`${name}: none`, () => assert.equal(toNanoCores(before, now), undefined));
  }
});
