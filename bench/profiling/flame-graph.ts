// A flame graph of a CPU profile as an SVG that stands alone: who called is below, who was called is above, the width is
// the share of the busy time, the colour is the stage. A pointer held over a frame shows its full name and share.

import type { CpuProfile, ProfileNode } from './cpu-profile.ts';
import { createStages, isBusy, toName } from './cpu-profile.ts';

const WIDTH = 1400;
const ROW = 17;
const MARGIN = { x: 10, top: 46, bottom: 34 } as const;
/** Frames narrower than this share are left out: nobody could see them. */
const LEAST_SHARE = 0.001;
/** Of 11 pixels of a sans-serif font, on average. */
const CHARACTER_WIDTH = 6.1;
const LEGEND = 12;

interface Frame {
  readonly name: string;
  readonly stage: string;
  timeUs: number;
  readonly children: Map<string, Frame>;
}

export interface FlameGraphOptions {
  readonly title: string;
  /** Of the monotonic clock: samples outside do not count. */
  readonly fromUs: number;
  readonly toUs: number;
}

export function toFlameGraph(profile: CpuProfile, { title, fromUs, toUs }: FlameGraphOptions): string {
  const root = toTree(profile, fromUs, toUs);
  const least = root.timeUs * LEAST_SHARE;
  const depth = toDepth(root, least);
  const height = MARGIN.top + MARGIN.bottom + depth * ROW;
  const stages = toStageTimes(root);
  const colors = new Map([...stages.keys()].map((stage, index) => [stage, toColor(index)]));
  const scale = (WIDTH - 2 * MARGIN.x) / Math.max(root.timeUs, 1);
  const drawn: string[] = [];
  const draw = (frame: Frame, x: number, level: number): void => {
    const width = frame.timeUs * scale;
    const y = height - MARGIN.bottom - (level + 1) * ROW;
    const share = ((frame.timeUs / Math.max(root.timeUs, 1)) * 100).toFixed(1);
    const fits = Math.floor((width - 6) / CHARACTER_WIDTH);
    const label =
      fits < 4 ? '' : frame.name.length <= fits ? frame.name : `${frame.name.slice(0, fits - 1)}…`;
    const full = `${frame.name}: ${share} % (${frame.stage})`;
    drawn.push(
      `<g><title>${escape(full)}</title><rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(width - 0.5, 0.3).toFixed(1)}" height="${ROW - 1}" fill="${colors.get(frame.stage) ?? '#d0d7de'}"/>` +
        `${label === '' ? '' : `<text x="${(x + 3).toFixed(1)}" y="${y + 12}">${escape(label)}</text>`}</g>`,
    );
    let at = x;
    for (const child of toSorted(frame)) {
      if (child.timeUs >= least) draw(child, at, level + 1);
      at += child.timeUs * scale;
    }
  };
  draw(root, MARGIN.x, 0);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="11" fill="#1f2328">
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="${MARGIN.x}" y="24" font-size="15" font-weight="600">${escape(title)}</text>
${drawn.join('\n')}
${toLegend(stages, root.timeUs, colors, height)}
</svg>
`;
}

function toTree(profile: CpuProfile, fromUs: number, toUs: number): Frame {
  const root: Frame = { name: 'busy time of the main thread', stage: 'node', timeUs: 0, children: new Map() };
  const { nodes, parents, toStage } = createStages(profile);
  let at = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    const delta = profile.timeDeltas[index] ?? 0;
    at += delta;
    const leaf = nodes.get(id);
    if (leaf === undefined || at < fromUs || at > toUs || !isBusy(leaf)) continue;
    let frame = root;
    frame.timeUs += delta;
    for (const node of toStack(leaf, nodes, parents)) {
      const name = toName(node);
      let child = frame.children.get(name);
      if (child === undefined) {
        child = { name, stage: toStage(node), timeUs: 0, children: new Map() };
        frame.children.set(name, child);
      }
      child.timeUs += delta;
      frame = child;
    }
  }
  return root;
}

/** From the outermost caller to the leaf. */
function toStack(
  leaf: ProfileNode,
  nodes: ReadonlyMap<number, ProfileNode>,
  parents: ReadonlyMap<number, number>,
): ProfileNode[] {
  const stack: ProfileNode[] = [];
  for (let node: ProfileNode | undefined = leaf; node !== undefined;) {
    if (node.callFrame.functionName !== '(root)') stack.unshift(node);
    const parent = parents.get(node.id);
    node = parent === undefined ? undefined : nodes.get(parent);
  }
  return stack;
}

const toSorted = ({ children }: Frame): Frame[] =>
  [...children.values()].toSorted((a, b) => b.timeUs - a.timeUs);

const toDepth = (frame: Frame, least: number): number =>
  1 +
  Math.max(
    0,
    ...[...frame.children.values()].filter(({ timeUs }) => timeUs >= least).map((one) => toDepth(one, least)),
  );

/** Time by stage, of frames themselves alone, the most first. */
function toStageTimes(root: Frame): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  const visit = (frame: Frame): void => {
    let below = 0;
    for (const child of frame.children.values()) {
      below += child.timeUs;
      visit(child);
    }
    times.set(frame.stage, (times.get(frame.stage) ?? 0) + frame.timeUs - below);
  };
  visit(root);
  return new Map([...times].toSorted((a, b) => b[1] - a[1]));
}

/** Pale enough for dark text; neighbours in rank are far apart in hue. */
const toColor = (rank: number): string => `hsl(${(rank * 137 + 20) % 360} 65% ${rank % 2 === 0 ? 74 : 82}%)`;

function toLegend(
  stages: ReadonlyMap<string, number>,
  totalUs: number,
  colors: ReadonlyMap<string, string>,
  height: number,
): string {
  let x: number = MARGIN.x;
  return [...stages]
    .slice(0, LEGEND)
    .map(([stage, timeUs]) => {
      const text = `${stage} ${((timeUs / Math.max(totalUs, 1)) * 100).toFixed(0)} %`;
      const at = x;
      x += 24 + text.length * CHARACTER_WIDTH;
      return `<rect x="${at.toFixed(0)}" y="${height - 22}" width="11" height="11" fill="${colors.get(stage) ?? ''}"/><text x="${(at + 15).toFixed(0)}" y="${height - 12}">${escape(text)}</text>`;
    })
    .join('');
}

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
