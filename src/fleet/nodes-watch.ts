// `kubectl get nodes --watch`: looks again and again, for each watch by the right of its own user; what the kubelets tell
// of their health is asked for once for all of them.

import type { Identified } from '../core/exchange.ts';
import type { FleetQuery } from '../core/fleet.ts';
import type { NodeEntry } from '../core/node.ts';
import type { Clock } from '../core/ports.ts';
import { toFault } from '../core/fault.ts';
import { toNodeEventObject } from '../kubectl/nodes-view.ts';
import { describeNodes, toFingerprint } from './nodes-answer.ts';
import type { Seen, WatchEvents } from './watch-events.ts';
import type { WatchPorts } from './watches.ts';

const PAUSE_MS = 5_000;
/** How old a kubelet's word about its health may be. */
const MAX_AGE_MS = 4_000;
const LOOKS_PER_BOOKMARK = 12;

type NodesQuery = Extract<FleetQuery, { kind: 'nodes' }>;

/** Begins it. The returned function ends it. `now`: how nodes are found and asked at the moment. */
export function startNodesWatch(
  { clock, now }: { readonly clock: Clock; readonly now: () => WatchPorts },
  asked: Identified,
  query: NodesQuery,
  events: WatchEvents,
): () => void {
  let isOver = false;
  let looks = 0;
  let cancel = (): void => undefined;
  const last = new Map<string, NodeEntry>();
  const admitted = new Set<string>();
  /** A login grows too old while a watch runs: as with a session, what counts is how it begins. */
  const admitOnce =
    (admit: WatchPorts['admit']): WatchPorts['admit'] =>
    (authorized) => {
      if (admitted.has(authorized.node)) return;
      admit(authorized);
      admitted.add(authorized.node);
    };
  const look = async (): Promise<void> => {
    try {
      const ports = now();
      const by = { clock, ...ports, authorize: ports.again, admit: admitOnce(ports.admit) };
      const { entries } = await describeNodes(by, asked, query, MAX_AGE_MS);
      if (isOver) return;
      const seen = new Map(entries.map((entry) => [entry.name as string, toSeen(clock, query, entry)]));
      events.see('', seen, (key) => toSeen(clock, query, last.get(key) ?? toNamed(key)));
      last.clear();
      for (const entry of entries) last.set(entry.name, entry);
      if (looks === 0 && query.watch?.initialEvents === true) events.bookmark(true);
      else if (looks % LOOKS_PER_BOOKMARK === 0 && looks > 0 && query.watch?.bookmarks === true)
        events.bookmark(false);
      looks += 1;
    } catch (error) {
      const fault = toFault(error);
      // Where nobody can say at present, what was shown stands, and nothing more is told.
      if (fault.reason === 'Forbidden' || fault.reason === 'NotFound') events.fail(fault);
    }
    if (!isOver) cancel = clock.after(PAUSE_MS, () => void look());
  };
  events.begin(['']);
  void look();
  return () => {
    isOver = true;
    cancel();
  };
}

const toSeen = (clock: Clock, { view }: NodesQuery, entry: NodeEntry): Seen => ({
  fingerprint: toFingerprint(entry),
  toObject: (resourceVersion, withColumns) =>
    toNodeEventObject(entry, view, clock.now(), { resourceVersion, withColumns }),
});

/** A node that was listed and was gone at the first look. */
const toNamed = (name: string): NodeEntry => ({
  name: name as NodeEntry['name'],
  address: '',
  port: 0,
  fingerprint: '',
  serverName: '',
  certificateAuthority: '',
});
