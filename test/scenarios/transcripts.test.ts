// Sessions that were recorded between kubectl, an API server and a real kubelet, replayed through the whole gateway in
// their recorded order: the client says what the client said, the node what the node said. The bytes after the heads
// must arrive unchanged on both sides; the heads must be those of test/fixtures/expected-heads.json, which
// UPDATE_EXPECTED_HEADS=1 writes anew.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, describe, it } from 'node:test';
import type { HostileKubelet, NodeConnection } from '../support/hostile-kubelet.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { answer, startHostileKubelet } from '../support/hostile-kubelet.ts';
import { RawClient, bearer } from '../support/raw-client.ts';
import { startScenario } from '../support/scenario.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));
const EXPECTED_FILE = `${FIXTURES}expected-heads.json`;

/** The lines of the head that the node sees and of the one that the client sees; what differs each time is named. */
interface Heads {
  readonly toNode: readonly string[];
  readonly toClient: readonly string[];
}

interface Read {
  readonly direction: 'c2s' | 's2c';
  /** Where the bytes end in the file of their direction. */
  readonly end: number;
}

interface Transcript {
  readonly name: string;
  readonly head: string;
  readonly reads: readonly Read[];
  readonly c2s: Buffer;
  readonly s2c: Buffer;
  readonly c2sHead: number;
  readonly s2cHead: number;
}

function readTranscript(name: string): Transcript {
  const read = (ending: string): Buffer => readFileSync(`${FIXTURES}streams/${name}.${ending}`);
  const [c2s, s2c] = [read('c2s.bin'), read('s2c.bin')];
  const c2sHead = c2s.indexOf('\r\n\r\n') + 4;
  const s2cHead = s2c.indexOf('\r\n\r\n') + 4;
  const reads: Read[] = [];
  for (const line of read('idx').toString().split('\n')) {
    const [, direction, offset, length] = /^[\d.]+ (c2s|s2c) (\d+) (\d+)$/.exec(line) ?? [];
    if (direction !== 'c2s' && direction !== 's2c') continue;
    reads.push({ direction, end: Number(offset) + Number(length) });
  }
  return { name, head: c2s.toString('latin1', 0, c2sHead), reads, c2s, s2c, c2sHead, s2cHead };
}

const NAMES = readdirSync(`${FIXTURES}streams`)
  .filter((file) => file.endsWith('.idx'))
  .map((file) => file.slice(0, -'.idx'.length))
  .sort();

let scenario: Scenario;
let node: HostileKubelet;
let alice: string;
const found: Record<string, Heads> = {};
before(async () => {
  node = await startHostileKubelet('node-3');
  scenario = await startScenario({ configure: (yaml) => node.takePlaceOf(yaml, 'node-3') });
  alice = await scenario.environment.issueToken('alice');
});
after(() => closeAll(scenario, node));

/** Says what the node said, each piece as soon as what it heard before it has come. */
function play({ reads, c2s, s2c, c2sHead }: Transcript, connection: NodeConnection): void {
  let next = 0;
  let said = 0;
  const go = (): void => {
    for (; next < reads.length; next += 1) {
      const { direction, end } = reads[next] ?? { direction: 'c2s', end: 0 };
      if (direction === 's2c') {
        connection.write(s2c.subarray(said, end));
        said = end;
      } else if (connection.after.length + c2sHead < end) return;
    }
    if (connection.after.length + c2sHead >= c2s.length) connection.socket.end();
  };
  connection.raw = true;
  connection.onData = go;
  go();
}

/** What a client sends for the recorded head: its own lines, with this gateway's address and credential. */
const toClientHead = (recorded: string): string =>
  recorded
    .replace(/^(\S+) /, '$1 /nodes/node-3')
    .replace(/^Authorization: .*\r\n/im, '')
    .replace(/^Host: .*$/m, `Host: gateway\r\n${bearer(alice)}`);

const lines = (head: string): readonly string[] =>
  head
    .trimEnd()
    .split('\r\n')
    .map((line) =>
      line.replace(/^(Host: 127\.0\.0\.1:)\d+$/, '$1PORT').replace(/^(Audit-Id: )[-0-9a-f]{36}$/, '$1ID'),
    );

async function replay(
  transcript: Transcript,
): Promise<Heads & { readonly toNodeBytes: Buffer; readonly toClientBytes: Buffer }> {
  const { reads, c2s, c2sHead, s2cHead } = transcript;
  let connection: NodeConnection | undefined;
  node.script = (head, on) => {
    if (head.startsWith('GET /pods ')) {
      on.write(
        answer(
          '200 OK',
          readFileSync(`${FIXTURES}http/pods.json`, 'latin1'),
          'Content-Type: application/json',
        ),
      );
      return;
    }
    connection = on;
    play(transcript, on);
  };
  const client = await RawClient.open(scenario);
  client.send(toClientHead(transcript.head));
  const { head } = await client.readHead();
  let sent = c2sHead;
  for (const { direction, end } of reads) {
    if (direction === 's2c') await client.until((bytes) => bytes.length + s2cHead >= end);
    else if (end > sent) {
      client.send(c2s.subarray(sent, end));
      sent = end;
    }
  }
  const toClientBytes = await client.readToEnd();
  client.socket.end();
  assert.ok(connection !== undefined);
  await connection.closed;
  return {
    toNode: lines(connection.heads.at(-1) ?? ''),
    toClient: lines(head),
    toNodeBytes: connection.after,
    toClientBytes,
  };
}

describe('a recorded session through the gateway', () => {
  for (const name of NAMES) {
    it(`${name}: the bytes after the heads are identical`, async () => {
      const transcript = readTranscript(name);
      const { toNode, toClient, toNodeBytes, toClientBytes } = await replay(transcript);
      found[name] = { toNode, toClient };
      assert.ok(toNodeBytes.equals(transcript.c2s.subarray(transcript.c2sHead)), 'what the node was sent');
      assert.ok(
        toClientBytes.equals(transcript.s2c.subarray(transcript.s2cHead)),
        'what the client was sent',
      );
    });
  }

  it('has the heads that are expected', () => {
    if (process.env['UPDATE_EXPECTED_HEADS'] === '1') {
      writeFileSync(EXPECTED_FILE, `${JSON.stringify(found, undefined, 2)}\n`);
    }
    assert.equal(NAMES.length, 36);
    assert.deepEqual(found, JSON.parse(readFileSync(EXPECTED_FILE, 'utf8')));
  });
});
