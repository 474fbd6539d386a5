// Reads V8's .cpuprofile (Chrome DevTools Protocol, Profiler.Profile) and says where the time of a window went.

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

export interface CpuProfile {
  /** Microseconds of the monotonic clock. */
  readonly startTime: number;
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface Shares {
  /** Share of the busy time by stage: the nearest caller in src/, or the library or part of Node that ran by itself. */
  readonly byStage: ReadonlyMap<string, number>;
  /** Share of the busy time by function, itself alone. */
  readonly bySelf: ReadonlyMap<string, number>;
}

const OUTSIDE = new Set(['(idle)', '(root)', '(program)']);

export const isBusy = ({ callFrame }: ProfileNode): boolean => !OUTSIDE.has(callFrame.functionName);

/** `fromUs` and `toUs` on the monotonic clock: samples outside do not count. */
export function toShares(profile: CpuProfile, fromUs: number, toUs: number): Shares {
  const { nodes, toStage } = createStages(profile);
  const byStage = new Map<string, number>();
  const bySelf = new Map<string, number>();
  let at = profile.startTime;
  let total = 0;
  for (const [index, id] of profile.samples.entries()) {
    const delta = profile.timeDeltas[index] ?? 0;
    at += delta;
    const node = nodes.get(id);
    if (node === undefined || at < fromUs || at > toUs || !isBusy(node)) continue;
    total += delta;
    add(byStage, toStage(node), delta);
    add(bySelf, toName(node), delta);
  }
  return { byStage: toPortions(byStage, total), bySelf: toPortions(bySelf, total) };
}

const add = (to: Map<string, number>, key: string, value: number): void => {
  to.set(key, (to.get(key) ?? 0) + value);
};

const toPortions = (times: ReadonlyMap<string, number>, total: number): ReadonlyMap<string, number> =>
  new Map([...times].map(([key, time]) => [key, time / total] as const).toSorted((a, b) => b[1] - a[1]));

/** The nodes of a profile by their numbers, the callers of each, and the stage that each works for. */
export function createStages(profile: CpuProfile): {
  readonly nodes: ReadonlyMap<number, ProfileNode>;
  readonly parents: ReadonlyMap<number, number>;
  readonly toStage: (leaf: ProfileNode) => string;
} {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map<number, number>();
  for (const { id, children } of profile.nodes) for (const child of children ?? []) parents.set(child, id);
  return { nodes, parents, toStage: (leaf) => findStage(nodes, parents, leaf) };
}

function findStage(
  nodes: ReadonlyMap<number, ProfileNode>,
  parents: ReadonlyMap<number, number>,
  leaf: ProfileNode,
): string {
  let library: string | undefined;
  let node: ProfileNode | undefined = leaf;
  while (node !== undefined) {
    const { url } = node.callFrame;
    const own = /\/src\/(observe\/[a-z]+|[a-z]+)[/.]/.exec(url)?.[1];
    if (own !== undefined) return own;
    library ??= /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
    const parent = parents.get(node.id);
    node = parent === undefined ? undefined : nodes.get(parent);
  }
  return library ?? (leaf.callFrame.functionName === '(garbage collector)' ? 'garbage collection' : 'node');
}

export function toName({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const file = url.replace(/^.*\/(src|node_modules)\//, (_, folder: string) =>
    folder === 'src' ? 'src/' : '',
  );
  return `${functionName === '' ? '(anonymous)' : functionName}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`;
}
