// Chooses what a session's recording looks like by its action.

import type { Credentialed } from '../core/exchange.ts';
import type { StdinMode } from '../core/recording.ts';
import { CastTranscript } from './cast-transcript.ts';
import type { CastDeps } from './cast-transcript.ts';
import { PortForwardTranscript } from './port-forward-transcript.ts';
import { toSubject } from './subject.ts';
import type { Transcript } from './transcript.ts';

export interface TranscriptOptions {
  readonly protocol: string;
  readonly stdin: StdinMode;
  /** Of a segment: no line of output is longer. */
  readonly maxBytes: number;
}

export function createTranscript(
  deps: CastDeps,
  exchange: Credentialed,
  { protocol, stdin, maxBytes }: TranscriptOptions,
): Transcript {
  const subject = toSubject(exchange, protocol, stdin);
  return exchange.action.kind === 'portForward'
    ? new PortForwardTranscript(deps.write, subject)
    : new CastTranscript(deps, { subject, stdin, maxLineBytes: maxBytes });
}
