// A byte stream inside a WebSocket (apiserver pkg/util/proxy/streamtunnel.go): the payloads of binary messages, one after
// the other, whatever their boundaries. A text message is an error; close 1000 is the end.

import { Duplex } from 'node:stream';
import { Fault } from '../../../src/core/fault.ts';
import { CLOSE_CODE, OPCODE } from '../../../src/wire/websocket-frame.ts';
import { WebSocketConnection } from './websocket-connection.ts';

export const openTunnel = (transport: Duplex): Duplex => {
  const tunnel = new Duplex({
    allowHalfOpen: true,
    read: () => connection.resume(),
    write: (chunk: Buffer, _encoding, done) => connection.send(OPCODE.binary, chunk, done),
    final: (done) => {
      connection.close(CLOSE_CODE.normal);
      done();
    },
    destroy: (error, done) => {
      connection.close(CLOSE_CODE.normal);
      done(error);
    },
  });
  const connection = new WebSocketConnection(transport, ({ opcode, payload }) => {
    if (opcode === OPCODE.text) throw new Fault('BadRequest', 'a text message in a tunnel');
    if (payload.length > 0 && !tunnel.push(payload)) connection.pause();
  });
  void connection.closed.then(() => tunnel.destroy());
  return tunnel;
};
