import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CpuProfile } from '../../bench/profiling/cpu-profile.ts';
import { toFlameGraph } from '../../bench/profiling/flame-graph.ts';

const frame = (functionName: string, url = '') => ({ functionName, url, lineNumber: 9 });

const profile: CpuProfile = {
  startTime: 0,
  nodes: [
    { id: 1, callFrame: frame('(root)'), children: [2, 5] },
    { id: 2, callFrame: frame('handle', 'file:///g/src/gateway/handle.ts'), children: [3, 4] },
    { id: 3, callFrame: frame('forward<T>', 'file:///g/src/forward/http.ts') },
    { id: 4, callFrame: frame('write', 'node:net') },
    { id: 5, callFrame: frame('(idle)') },
  ],
  // 10 of handle itself, 60 of forward, 30 of write, and idle time that does not count.
  samples: [2, 3, 4, 5, 3],
  timeDeltas: [10, 40, 30, 1000, 20],
};
const draw = (more = {}) => toFlameGraph(profile, { title: 'A & B', fromUs: 0, toUs: 1e9, ...more });

describe('a flame graph', () => {
  it('gives every frame its share of the busy time and the stage that it works for', () => {
    const svg = draw();
    const titles = [...svg.matchAll(/<title>(.*?)<\/title>/g)].map(([, title]) => title);
    assert.deepEqual(titles, [
      'busy time of the main thread: 100.0 % (node)',
      'handle src/gateway/handle.ts:10: 100.0 % (gateway)',
      'forward&lt;T&gt; src/forward/http.ts:10: 60.0 % (forward)',
      'write node:net:10: 30.0 % (gateway)',
    ]);
  });

  it('names the stages with what they take themselves', () => {
    const svg = draw();
    assert.match(svg, />forward 60 %</);
    // handle alone and the write that it asked for.
    assert.match(svg, />gateway 40 %</);
    assert.match(svg, />A &amp; B</);
  });

  it('leaves out what was before and after the window', () => {
    // Only the sample of 30 ends between 60 and 90.
    assert.match(draw({ fromUs: 60, toUs: 90 }), /write node:net:10: 100\.0 %/);
    assert.doesNotMatch(draw({ fromUs: 60, toUs: 90 }), /forward&lt;/);
  });

  it('of nothing is a picture and no error', () => {
    const svg = draw({ fromUs: 1e10, toUs: 1e11 });
    assert.match(svg, /^<svg/);
    assert.doesNotMatch(svg, /NaN|Infinity/);
  });
});
