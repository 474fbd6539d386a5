import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CpuProfile } from '../../bench/profiling/cpu-profile.ts';
import { toShares } from '../../bench/profiling/cpu-profile.ts';
import { judge, toGrowth, toGrowthText, TOLERANCE } from '../../bench/report/regression.ts';

/** Samples of a gateway of three stages and a library, so many microseconds each. */
function createProfile(times: Readonly<Record<string, number>>): CpuProfile {
  const frames = Object.keys(times).map((path, index) => ({
    id: index + 2,
    callFrame: { functionName: 'work', url: `file:///gateway/${path}`, lineNumber: 1 },
  }));
  return {
    startTime: 0,
    nodes: [
      {
        id: 1,
        callFrame: { functionName: '(root)', url: '', lineNumber: -1 },
        children: frames.map(({ id }) => id),
      },
      ...frames,
    ],
    samples: frames.map(({ id }) => id),
    timeDeltas: Object.values(times),
  };
}

const FAST = {
  'src/identify/jwt/authenticator.ts': 10,
  'src/forward/http.ts': 50,
  'src/observe/audit/event.ts': 20,
  'node_modules/undici/lib/dispatcher.js': 20,
};
const sharesOf = (times: Readonly<Record<string, number>>) => toShares(createProfile(times), 0, 1e9).byStage;
const totalOf = (times: Readonly<Record<string, number>>) =>
  Object.values(times).reduce((sum, each) => sum + each, 0);

describe('the check of speed', () => {
  const relay = [100, 104, 98, 101, 99];

  it('passes what costs its limit and a quarter more, and fails what costs more', () => {
    const at = (times: number) =>
      judge(
        relay,
        relay.map((cost) => cost * times),
        2,
      ).isWithin;
    assert.equal(at(2), true);
    assert.equal(at(2 * TOLERANCE), true);
    assert.equal(at(2 * TOLERANCE + 0.01), false);
  });

  it('does not take one noisy round, or three, for a slow gateway', () => {
    assert.equal(judge(relay, [200, 900, 205, 700, 800], 2).isWithin, true);
  });

  it('is not fooled by a machine that is slow for both', () => {
    const slow = relay.map((cost) => cost * 7);
    assert.equal(
      judge(
        slow,
        slow.map((cost) => cost * 2),
        2,
      ).isWithin,
      true,
    );
  });

  for (const [path, stage] of [
    ['src/observe/audit/event.ts', 'observe/audit'],
    ['src/identify/jwt/authenticator.ts', 'identify'],
    ['node_modules/undici/lib/dispatcher.js', 'undici'],
  ] as const) {
    it(`names ${stage} when it is what was slowed`, () => {
      const slowed = { ...FAST, [path]: FAST[path] + 80 };
      const judged = judge([40, 40, 40], [totalOf(slowed), totalOf(slowed), totalOf(slowed)], 2.5);
      assert.equal(judged.isWithin, false);
      const grown = toGrowth(
        { shares: sharesOf(FAST), ratio: 2.5 },
        { shares: sharesOf(slowed), ratio: judged.ratio },
      );
      assert.equal(grown[0]?.stage, stage);
      // The others cost what they cost before, although their shares have shrunk.
      assert.deepEqual(
        grown.filter((each) => each.now - each.before > 1e-9).map((each) => each.stage),
        [stage],
      );
      assert.match(
        toGrowthText('2 B', grown),
        new RegExp(`has grown in a request of 2 B.*\\n  ${stage}: from`),
      );
    });
  }

  it('names a stage that is new', () => {
    const grown = toGrowth(
      { shares: sharesOf(FAST), ratio: 2.5 },
      { shares: sharesOf({ ...FAST, 'src/scan/scan.ts': 100 }), ratio: 5 },
    );
    assert.deepEqual(grown[0], { stage: 'scan', before: 0, now: 2.5 });
  });

  it('says so when nothing has grown', () => {
    const costs = { shares: sharesOf(FAST), ratio: 2.5 };
    assert.match(toGrowthText('1 MB', toGrowth(costs, costs)), /no stage of a request of 1 MB has grown/);
  });
});
