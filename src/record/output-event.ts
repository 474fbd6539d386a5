// What of a session's events those may see who follow it: its output, and never what the client typed.

import type { OutputEvent } from '../core/tap.ts';
import type { SessionEvent } from './decode/session-event.ts';

export function toOutputEvent(event: SessionEvent): OutputEvent | undefined {
  switch (event.kind) {
    case 'data':
      return event.stream === 'stdin' ? undefined : { kind: 'data', stream: event.stream, data: event.data };
    case 'resize':
    case 'status':
    case 'opened':
    case 'passed':
    case 'message':
    case 'closed':
      return event;
    case 'stdinClosed':
    case 'file':
      return undefined;
  }
}
