// What is read of a session that nobody records: what its followers see, and not a byte that the client typed.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Action } from '../../src/core/action.ts';
import type { OutputEvent } from '../../src/core/tap.ts';
import { createLiveReader } from '../../src/record/live-reader.ts';
import { parseChannelProtocol, encodeChannelClose, encodeChannelMessage } from '../../src/wire/channels.ts';
import { encodeWebSocketFrame } from '../../src/wire/websocket-frame.ts';
import { authorized, credentialed, execAction, resolved } from '../observe/evidence.ts';

const MASK = Buffer.from('a1b2c3d4', 'hex');

async function createReader(protocol: string, onEvent: (event: OutputEvent) => void) {
  const streams = { stdin: true, stdout: true, stderr: false, tty: true };
  const action: Action = { ...execAction, streams };
  const transport = { kind: 'websocket', protocols: [protocol], key: '' } as const;
  const exchange = credentialed(await authorized({ ...resolved({ action }), transport }));
  return createLiveReader(exchange, protocol, onEvent) ?? assert.fail('it is not read');
}

describe('createLiveReader', () => {
  for (const name of ['v5.channel.k8s.io', 'v4.base64.channel.k8s.io']) {
    it(`passes over what is typed and sees the size of the terminal, wherever it is cut: ${name}`, async () => {
      const protocol = parseChannelProtocol(name) ?? assert.fail('no such protocol');
      const message = (channel: number, text: string): Buffer =>
        encodeWebSocketFrame({ ...encodeChannelMessage(protocol, channel, Buffer.from(text)), mask: MASK });
      const typed = Buffer.concat([
        message(0, 'a secret that is longer than a word'),
        message(4, '{"Width":120,"Height":40}'),
        message(0, 'x'),
        ...(protocol.version === 5
          ? [encodeWebSocketFrame({ ...encodeChannelClose(0), mask: MASK }), message(0, 'late')]
          : []),
        message(4, '{"Width":121,"Height":41}'),
      ]);
      const shown = encodeWebSocketFrame(encodeChannelMessage(protocol, 1, Buffer.from('$ ')));
      for (let cut = 0; cut <= typed.length; cut++) {
        const events: OutputEvent[] = [];
        const reader = await createReader(name, (event) => events.push(event));
        reader.fromClient(typed.subarray(0, cut));
        reader.fromClient(typed.subarray(cut));
        reader.fromNode(shown);
        assert.deepEqual(
          events,
          [
            { kind: 'resize', columns: 120, rows: 40 },
            { kind: 'resize', columns: 121, rows: 41 },
            { kind: 'data', stream: 'stdout', data: Buffer.from('$ ') },
          ],
          `at ${cut}`,
        );
      }
    });
  }
});
