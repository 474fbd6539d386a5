// The audit log as it is handed out.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readAuditLog } from '../../src/serve/audit-log.ts';

let folder: string;
before(async () => (folder = await mkdtemp(join(tmpdir(), 'audit-log-'))));
after(() => rm(folder, { recursive: true }));

const line = (hour: number, more = ''): string =>
  `{"requestURI":"/x${more}","stageTimestamp":"2026-11-23T${String(hour).padStart(2, '0')}:00:00.000000Z","annotations":{}}\n`;

async function read(
  files: readonly string[],
  period: { sinceMs?: number; untilMs?: number } = {},
): Promise<string> {
  const paths = await Promise.all(
    files.map(async (content, at) => {
      const path = join(folder, `${at}.log`);
      await writeFile(path, content);
      return path;
    }),
  );
  let text = '';
  const chunks = readAuditLog(() => Promise.resolve(paths), period, new AbortController().signal);
  for await (const chunk of chunks) text += chunk.toString();
  return text;
}

const at = (hour: number): number => Date.UTC(2026, 10, 23, hour);

describe('reading the audit log', () => {
  it('joins its files byte for byte, a torn last line included', async () => {
    assert.equal(
      await read([line(1) + line(2), '', `${line(3)}{"torn`]),
      `${line(1)}${line(2)}${line(3)}{"torn`,
    );
  });

  it('picks the lines of a time, over any number of chunks', async () => {
    const many = Array.from({ length: 24 }, (_, hour) => line(hour, 'y'.repeat(30_000))).join('');
    const wanted = Array.from({ length: 4 }, (_, index) => line(index + 10, 'y'.repeat(30_000))).join('');
    assert.equal(await read([many], { sinceMs: at(10), untilMs: at(14) }), wanted);
  });

  it('is not misled by a time that a client wrote', async () => {
    const forged = line(10, '?a=\\"stageTimestamp\\":\\"1999-01-01T00:00:00.000000Z\\"');
    assert.equal(await read([forged], { sinceMs: at(9) }), forged);
  });

  it('shows a line without a time whatever was asked for', async () => {
    assert.equal(await read(['damaged\n'], { sinceMs: at(9) }), 'damaged\n');
  });

  it('passes over a file that has just been removed', async () => {
    const chunks = readAuditLog(
      () => Promise.resolve([join(folder, 'gone')]),
      {},
      new AbortController().signal,
    );
    assert.equal((await chunks.next()).done, true);
  });

  it('says that there is none', async () => {
    const chunks = readAuditLog(undefined, {}, new AbortController().signal);
    await assert.rejects(chunks.next(), { code: 404 });
  });
});
