// The lines of a port-forward that is followed, as people read them; and nothing of what a node says acts on a terminal.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toConnectionText } from '../../../src/cli/sessions/connection-text.ts';

describe('toConnectionText', () => {
  const about = { connection: 3, port: 8080, bytesToNode: 12, bytesFromNode: 3456 };
  for (const [line, expected] of [
    [
      { atMs: 0, event: 'open', ...about },
      /^ {4}0\.0s {2}port 8080, connection 3: open already, 12 bytes to the pod, 3456 back\n$/,
    ],
    [
      { atMs: 1500, event: 'opened', connection: 3, port: 8080 },
      /^ {4}1\.5s {2}port 8080, connection 3: opened\n$/,
    ],
    [{ atMs: 2000, event: 'passed', ...about }, /: 12 bytes to the pod, 3456 back\n$/],
    [
      { atMs: 3000, event: 'closed', ...about, durationMs: 1250 },
      /: closed after 1\.25 s, 12 bytes to the pod, 3456 back\n$/,
    ],
    [
      { atMs: 0, event: 'message', connection: 3, text: 'no\u001b]52;c;eA==\u0007\nport' },
      /^[^\u001b\u0007\n]*the node says: [^\u001b\u0007\n]*\n$/,
    ],
    [{ atMs: 0, event: 'note', text: 'left out' }, /left out\n$/],
    [{ event: 'other' }, /^$/],
    [null, /^$/],
    ['opened', /^$/],
  ] as const) {
    it(JSON.stringify(line), () => assert.match(toConnectionText(line), expected));
  }
});
