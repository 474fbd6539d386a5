// exec and attach over SPDY/3.1 (cri-streaming remotecommand/httpstream.go): the header `streamtype` of a stream says
// what it carries.

import type { StreamFlags } from '../../core/action.ts';
import type { SpdyHeaders } from '../../wire/spdy-headers.ts';
import { ambiguous } from './ambiguous.ts';
import { ResizeParser } from './resize.ts';
import type { Emit } from './session-event.ts';
import type { SpdyHandler } from './spdy-observer.ts';
import { StatusCollector, toFailure } from './status.ts';

const TYPES = ['error', 'stdin', 'stdout', 'stderr', 'resize'] as const;
type StreamType = (typeof TYPES)[number];

const isStreamType = (text: string): text is StreamType => TYPES.some((type) => type === text);

export interface ExecStreamOptions {
  readonly streams: StreamFlags;
  readonly version: 1 | 2 | 3 | 4;
  readonly strict: boolean;
  readonly reportsExit: boolean;
}

export class ExecStreams implements SpdyHandler {
  readonly remembers = true;
  readonly #options: ExecStreamOptions;
  readonly #emit: Emit;
  readonly #asked: ReadonlySet<StreamType>;
  readonly #types = new Map<number, StreamType>();
  readonly #resize: ResizeParser;
  readonly #status: StatusCollector;

  constructor(options: ExecStreamOptions, emit: Emit) {
    this.#options = options;
    this.#emit = emit;
    this.#resize = new ResizeParser(options);
    this.#asked = toAsked(options);
    this.#status = new StatusCollector(options);
  }

  opened(id: number, headers: SpdyHeaders): boolean {
    const { strict } = this.#options;
    const values = headers.get('streamtype') ?? [];
    const type = values[0] ?? '';
    if (strict && values.length > 1) throw ambiguous('SPDY: a stream with several types');
    if (!isStreamType(type)) {
      if (strict) throw ambiguous('SPDY: a stream of an unknown type');
      return false;
    }
    if (strict && !this.#asked.has(type)) throw ambiguous(`SPDY: ${type} was not asked for`);
    // Which of the two a server would read depends on how many it has by then.
    if ([...this.#types.values()].includes(type)) throw ambiguous(`SPDY: a second stream for ${type}`);
    this.#types.set(id, type);
    return true;
  }

  clientData(id: number, data: Buffer): void {
    const type = this.#types.get(id);
    if (type === 'stdin') this.#emit({ kind: 'data', stream: 'stdin', data });
    else if (type === 'resize') this.#resize.push(data, this.#emit);
    else if (this.#options.strict) throw ambiguous(`SPDY: data from the client on ${type ?? 'no stream'}`);
  }

  clientEnded(id: number): void {
    if (this.#types.get(id) === 'stdin') this.#emit({ kind: 'stdinClosed' });
  }

  nodeData(id: number, data: Buffer): void {
    const type = this.#types.get(id);
    if (type === 'stdout' || type === 'stderr') this.#emit({ kind: 'data', stream: type, data });
    else if (type === 'error') this.#status.push(data);
  }

  nodeEnded(id: number): void {
    if (this.#types.get(id) === 'error') this.#tellStatus(true);
  }

  reset(): void {
    // What there is to say is said at the end of either side.
  }

  ended(): void {
    this.#tellStatus(false);
  }

  get owesStatus(): boolean {
    return this.#status.isOwed;
  }

  farewell(message: string): { readonly id: number; readonly text: string } | undefined {
    for (const [id, type] of this.#types) {
      if (type === 'error') return { id, text: toFailure(message, this.#options.version) };
    }
    return undefined;
  }

  #tellStatus(orderly: boolean): void {
    const status = this.#status.finish(orderly);
    if (status !== undefined) this.#emit(status);
  }
}

function toAsked({ streams, version }: ExecStreamOptions): ReadonlySet<StreamType> {
  const asked = new Set<StreamType>(['error']);
  if (streams.stdin) asked.add('stdin');
  if (streams.stdout) asked.add('stdout');
  if (streams.stderr) asked.add('stderr');
  if (streams.tty && version >= 3) asked.add('resize');
  return asked;
}
