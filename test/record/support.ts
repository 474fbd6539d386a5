// Reads recordings back: strictly, as nobody but a test needs to.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface CastEvent {
  readonly atMs: number;
  readonly code: string;
  readonly data: string;
}

export interface Cast {
  readonly header: Readonly<Record<string, unknown>>;
  readonly events: readonly CastEvent[];
  /** The bytes of a stream, as the container had them. */
  bytes(stream: 'stdin' | 'stdout' | 'stderr'): Buffer;
}

const CODES = ['o', 'i', 'O', 'I', 'r', 'm', 'x', 'e', 'b', 's', 'f'];

/** Throws for anything that is not asciicast v3, as docs.asciinema.org/manual/asciicast/v3 has it, with the gateway's own codes in their places. */
export function parseCast(text: string): Cast {
  assert.ok(text.endsWith('\n'));
  const [head = '', ...lines] = text.slice(0, -1).split('\n');
  const header = JSON.parse(head) as Record<string, unknown>;
  assert.equal(header['version'], 3);
  const { cols, rows } = header['term'] as { cols: number; rows: number };
  for (const size of [cols, rows]) assert.ok(Number.isInteger(size) && size > 0 && size < 65_536);
  for (const name of ['command', 'title'])
    assert.ok(['string', 'undefined'].includes(typeof header[name]), name);
  const { tags = [] } = header;
  assert.ok(Array.isArray(tags) && tags.every((tag) => typeof tag === 'string'));
  assert.ok(Number.isInteger(header['timestamp']));
  const streams = { stdin: [] as Buffer[], stdout: [] as Buffer[], stderr: [] as Buffer[] };
  let atMs = 0;
  let stderr = false;
  let raw: Buffer | undefined;
  const events = lines.map((line) => {
    const event: unknown = JSON.parse(line);
    assert.ok(Array.isArray(event) && event.length === 3, line);
    const [interval, code, data] = event as [unknown, unknown, unknown];
    assert.ok(typeof interval === 'number' && interval >= 0, line);
    assert.ok(typeof code === 'string' && CODES.includes(code), line);
    assert.ok(typeof data === 'string', line);
    assert.ok(data.isWellFormed(), line);
    if (code === 'r') assert.match(data, /^[1-9]\d{0,4}x[1-9]\d{0,4}$/);
    if (code === 'x') assert.match(data, /^\d+$/);
    if (code === 'e') stderr = true;
    if (code === 'b') raw = Buffer.from(data, 'base64');
    if (/^[oi]$/i.test(code)) {
      const stream = code.toLowerCase() === 'i' ? 'stdin' : stderr ? 'stderr' : 'stdout';
      streams[stream].push(raw ?? Buffer.from(data, code < 'a' ? 'base64' : 'utf8'));
      stderr = false;
      raw = undefined;
    }
    atMs += Math.round(interval * 1000);
    return { atMs, code, data };
  });
  return { header, events, bytes: (stream) => Buffer.concat(streams[stream]) };
}

export interface StoredRecording {
  readonly folder: string;
  readonly manifest: readonly Readonly<Record<string, unknown>>[];
  /** The segments that the manifest names, one after the other. */
  readonly text: string;
  /** Files that the manifest does not name. */
  readonly open: readonly string[];
}

/** Reads a recording and checks its chain, its digests and the modes of its files. */
export async function readRecording(folder: string): Promise<StoredRecording> {
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  const lines = (await readFile(join(folder, 'manifest.jsonl'), 'utf8')).split('\n');
  assert.equal(lines.pop(), '');
  let previous = '0'.repeat(64);
  let text = '';
  const named = new Set(['manifest.jsonl']);
  const manifest: Record<string, unknown>[] = [];
  for (const line of lines) {
    const entry = JSON.parse(line) as Record<string, unknown>;
    assert.equal(entry['previous'], previous);
    previous = createHash('sha256').update(line).digest('hex');
    manifest.push(entry);
    if (entry['kind'] !== 'Segment') continue;
    const bytes = await readFile(join(folder, String(entry['file'])));
    assert.equal(bytes.length, entry['bytes']);
    assert.equal(createHash('sha256').update(bytes).digest('hex'), entry['sha256']);
    named.add(String(entry['file']));
    text += bytes.toString('utf8');
  }
  const files = await readdir(folder);
  for (const file of files) assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600);
  return { folder, manifest, text, open: files.filter((file) => !named.has(file)).toSorted() };
}
