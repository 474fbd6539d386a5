// The connections of a port-forward that are open now, for those who come to look on later. Bounded: those beyond
// MAX_CONNECTIONS are shown to who looks on meanwhile, and are not remembered.

import type { OpenConnection } from '../core/session.ts';
import type { OutputEvent } from '../core/tap.ts';

const MAX_CONNECTIONS = 256;

export class OpenConnections {
  readonly #open = new Map<number, { port: number; bytesToNode: number; bytesFromNode: number }>();

  see(event: OutputEvent): void {
    switch (event.kind) {
      case 'opened':
        if (this.#open.size >= MAX_CONNECTIONS) return;
        this.#open.set(event.connection, { port: event.port, bytesToNode: 0, bytesFromNode: 0 });
        return;
      case 'passed': {
        const open = this.#open.get(event.connection);
        if (open !== undefined)
          open[event.direction === 'toNode' ? 'bytesToNode' : 'bytesFromNode'] += event.bytes;
        return;
      }
      case 'closed':
        this.#open.delete(event.connection);
        return;
      default:
        return;
    }
  }

  list(): readonly OpenConnection[] {
    return Array.from(this.#open, ([connection, open]) => ({ connection, ...open }));
  }
}
