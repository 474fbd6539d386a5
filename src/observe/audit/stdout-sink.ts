// Audit events on standard output, one a line, for where the container runtime carries them away.

import type { Writable } from 'node:stream';
import type { AuditSink } from './queue.ts';

/** `stream` is the process's standard output, which it shares with the log: lines of one are never within the other's. */
export function createStdoutSink(stream: Writable): AuditSink {
  let failure: Error | undefined;
  // Without a listener a closed pipe would end the process; the write's own callback reports it as well.
  const remember = (error: Error) => {
    failure = error;
  };
  stream.on('error', remember);
  return {
    name: 'stdout',
    write: (events) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) {
          reject(failure);
          return;
        }
        stream.write(`${events.join('\n')}\n`, (error) => {
          if (error === null || error === undefined) resolve();
          else reject(error);
        });
      }),
    reopen: () => Promise.resolve(),
    // The stream belongs to the process and stays open; the listener stays, for what is still on its way.
    close: () => Promise.resolve(),
  };
}
