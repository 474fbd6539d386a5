// One session being recorded: decodes what passes, writes its transcript, and says when the session must wait or end.
// Promises: at most HIGH_WATER bytes of lines wait for the disk, and those of one more chunk; where the rule says
// `required`, no byte goes on that was not decoded and taken down.

import { toFault } from '../core/fault.ts';
import type { EndReason } from '../core/lifetime.ts';
import type { RecordingOutcome, RecordingState } from '../core/recording.ts';
import type { OutputEvent, Tap, TapControl } from '../core/tap.ts';
import { ArchiveWatch, passesFiles } from './archive-watch.ts';
import { createTranscript } from './create-transcript.ts';
import { createDecoder } from './decode/create-decoder.ts';
import type { SessionDecoder } from './decode/session-decoder.ts';
import type { SessionEvent } from './decode/session-event.ts';
import { toOutputEvent } from './output-event.ts';
import { LineBatch } from './line-batch.ts';
import { Room, afterTurns } from './patience.ts';
import { Segments } from './segments.ts';
import type { RecordingDeps, RecordingSession } from './recording-session.ts';
import type { Transcript } from './transcript.ts';

export class Recording implements Tap {
  readonly #deps: RecordingDeps;
  readonly #session: RecordingSession;
  readonly #required: boolean;
  #control: TapControl | undefined;
  #accepted = false;
  #decoder: SessionDecoder | undefined;
  #transcript: Transcript | undefined;
  #archives: ArchiveWatch | undefined;
  #segments: Segments | undefined;
  /** Of the chunk that is being looked at, whose bytes are in them: they are written before another one is. */
  #events: SessionEvent[] = [];
  readonly #batch: LineBatch;
  #state: RecordingState;
  #problem: string | undefined;
  #manifest: RecordingOutcome['manifest'];
  /** What may not go on any more, nor any byte after it. */
  #over: EndReason | undefined;
  #onEvent: ((event: OutputEvent) => void) | undefined;
  /** What the client sends cannot be read any more, and is passed on. */
  #isDeaf = false;
  /** The disk took something no more: nothing is written. */
  #broken = false;
  readonly #room: Room;

  constructor(deps: RecordingDeps, session: RecordingSession) {
    this.#deps = deps;
    this.#session = session;
    this.#required = session.rule.mode === 'required';
    this.#state = deps.store === undefined ? 'failed' : 'complete';
    if (deps.store === undefined) this.#problem = 'the recording could not be begun';
    this.#batch = new LineBatch(
      {
        clock: deps.clock,
        pool: deps.pool,
        flush: () => this.#transcript?.flush(),
        send: (lines, done) => {
          this.#segments?.append(lines, done);
          this.#checkRoom();
        },
      },
      session.segment,
    );
    this.#room = new Room({
      clock: deps.clock,
      limitMs: session.patienceMs,
      waiting: () => this.#segments?.pending ?? 0,
      stored: () => this.#segments?.bytes ?? 0,
      onDrained: () => this.#control?.drained(),
      onOver: () => this.#fail('the recording cannot keep up'),
    });
  }

  get isFull(): boolean {
    return this.#room.isFull;
  }

  accepted(protocol: string): void {
    const { store, clock } = this.#deps;
    const { exchange, rule, segment } = this.#session;
    if (store !== undefined) {
      const unreadable = this.#startDecoder(protocol);
      const transcript = (this.#transcript = createTranscript(
        { write: (lines) => this.#batch.add(lines), writeBytes: this.#deps.writeBytes },
        exchange,
        { protocol, stdin: rule.stdin, maxBytes: segment.maxBytes },
      ));
      this.#segments = new Segments(
        {
          clock,
          recording: store,
          onWritten: () => this.#room.taken(),
          onFailed: (error) => this.#fail('the recording could not be stored', error),
        },
        { extension: transcript.extension, ...segment },
      );
      transcript.header(clock.now());
      this.#batch.send();
      if (passesFiles(exchange.action)) this.#archives = this.#watchArchives(transcript);
      if (unreadable !== undefined) this.#giveUp(unreadable);
    }
    this.#accepted = true;
  }

  watch(onEvent: (event: OutputEvent) => void): void {
    this.#onEvent = onEvent;
  }

  farewell(message: string): Buffer | undefined {
    return this.#over === undefined ? this.#decoder?.farewell(message) : undefined;
  }

  attach(control: TapControl): void {
    this.#control = control;
    if (this.#over !== undefined) control.end(this.#over);
  }

  fromClient(chunk: Buffer): boolean {
    return this.#take('client', (decoder) => decoder.fromClient(chunk));
  }

  fromNode(chunk: Buffer): boolean {
    if (this.#over !== undefined) return this.#finishFrame(chunk);
    return this.#take('node', (decoder) => decoder.fromNode(chunk));
  }

  get unfinished(): number {
    return this.#decoder?.unfinished ?? 0;
  }

  get owesStatus(): boolean {
    return this.#over === undefined && this.#decoder?.owesStatus === true;
  }

  hasWords(reason: EndReason): boolean {
    return reason === this.#over;
  }

  lastWords(reason: EndReason): Buffer | undefined {
    if (reason !== this.#over) return undefined;
    return this.#decoder?.farewell(`the session was ended: ${this.#problem ?? reason}`);
  }

  async end(reason: EndReason | undefined): Promise<RecordingOutcome | undefined> {
    const { store } = this.#deps;
    this.#room.stop();
    if (!this.#accepted) {
      // The node never accepted: there was no session, and the audit event says so.
      await store?.discard().catch(() => undefined);
      return undefined;
    }
    const { clock } = this.#deps;
    await new Promise<void>((resolve, reject) => {
      const cancel = afterTurns(clock, this.#session.patienceMs, () => {
        this.#fail('the recording could not be ended in time');
        resolve();
      });
      this.#finish(reason).finally(cancel).then(resolve, reject);
    });
    this.#room.stop();
    this.#deps.onEnded(this.#state, this.#segments?.bytes ?? 0);
    const problem = this.#problem;
    const manifest = this.#manifest;
    const notes = this.#transcript?.notes();
    return {
      id: this.#session.exchange.auditId,
      state: this.#state,
      ...(problem && { problem }),
      ...(manifest && { manifest }),
      ...(notes && { notes }),
    };
  }

  /** Why it cannot be read, where that is no reason to refuse the session. */
  #startDecoder(protocol: string): string | undefined {
    const { action, transport } = this.#session.exchange;
    const options = { action, transport: transport.kind, protocol, strict: this.#required };
    try {
      this.#decoder = createDecoder(options, (event) => this.#events.push(event));
      return undefined;
    } catch (error) {
      const fault = toFault(error);
      if (this.#required) throw fault;
      return fault.message;
    }
  }

  /** False: the bytes must not go on. */
  #take(from: 'client' | 'node', push: (decoder: SessionDecoder) => void): boolean {
    if (this.#over !== undefined) return false;
    const decoder = this.#decoder;
    if (decoder === undefined || (from === 'client' && this.#isDeaf)) return true;
    try {
      push(decoder);
    } catch (error) {
      const { message } = toFault(error);
      if (this.#required) {
        this.#events = [];
        this.#problem = message;
        this.#over = 'protocolError';
        return false;
      }
      this.#writeEvents();
      // What a node says is read by itself: no client takes it out of a recording.
      this.#isDeaf = from === 'client';
      this.#giveUp(this.#isDeaf ? `what the client sends is not read any more: ${message}` : message);
      return true;
    }
    this.#writeEvents();
    return true;
  }

  /** The session is over; what the node still owes of a frame goes on, so that the client can be told why. */
  #finishFrame(chunk: Buffer): boolean {
    const decoder = this.#decoder;
    if (decoder === undefined || chunk.length > decoder.unfinished) return false;
    try {
      decoder.fromNode(chunk);
    } catch {
      return false;
    }
    // What is broken takes nothing more: how much was not kept is bounded by who passes it on.
    if (this.#broken) this.#events = [];
    else this.#writeEvents();
    return true;
  }

  #writeEvents(): void {
    const transcript = this.#transcript;
    if (transcript === undefined || this.#events.length === 0) return;
    const now = this.#deps.clock.now();
    const events = this.#events;
    this.#events = [];
    for (const event of events) {
      transcript.event(event, now);
      if (event.kind === 'data' && event.stream !== 'stderr') this.#archives?.see(event.stream, event.data);
      const shown = this.#onEvent === undefined ? undefined : toOutputEvent(event);
      if (shown !== undefined) this.#onEvent?.(shown);
    }
    this.#afterLines();
  }

  #afterLines(): void {
    this.#batch.settle((this.#transcript?.held ?? 0) > 0);
    this.#checkRoom();
  }

  #checkRoom(): void {
    if (!this.#broken && this.#segments !== undefined) this.#room.added(this.#batch.bytes);
  }

  /** What passes from here on is not understood, and goes on. */
  #giveUp(problem: string): void {
    if (!this.#isDeaf) this.#decoder = undefined;
    this.#state = 'incomplete';
    this.#problem = problem;
    this.#transcript?.note(`incomplete from here: ${problem}`, this.#deps.clock.now());
    this.#afterLines();
    this.#deps.log.warn({ auditId: this.#session.exchange.auditId, problem }, 'a recording is incomplete');
  }

  /** What passes cannot be stored. */
  #fail(problem: string, error?: unknown): void {
    const segments = this.#segments;
    if (this.#broken || segments === undefined) return;
    this.#broken = true;
    const { auditId } = this.#session.exchange;
    const { mode } = this.#session.rule;
    this.#deps.log.error(
      { auditId, mode, problem, ...(error === undefined ? {} : { error }) },
      'a recording failed',
    );
    this.#state = segments.bytes > 0 ? 'incomplete' : 'failed';
    segments.abandon();
    // What comes from now on is not stored; what waited had come before.
    const since = new Date(segments.lostSince ?? this.#deps.clock.now()).toISOString();
    this.#problem = `${problem}: nothing from ${since} on is in it`;
    this.#batch.send();
    if (this.#required) {
      this.#over ??= 'recordingFailed';
      this.#control?.end('recordingFailed');
      return;
    }
    this.#decoder = undefined;
    this.#room.drain();
  }

  async #finish(reason: EndReason | undefined): Promise<void> {
    this.#takeEnd(reason);
    await this.#store(reason);
  }

  #takeEnd(reason: EndReason | undefined): void {
    const transcript = this.#transcript;
    if (transcript === undefined) return;
    const now = this.#deps.clock.now();
    this.#decoder?.end();
    this.#writeEvents();
    this.#archives?.end();
    const why = this.#problem === undefined ? '' : `, ${this.#problem}`;
    transcript.end(now);
    transcript.note(`ended: ${reason ?? 'unknown'}${why}`, now);
    this.#batch.send();
  }

  async #store(reason: EndReason | undefined): Promise<void> {
    const { store, clock } = this.#deps;
    const segments = this.#segments;
    if (store === undefined) return;
    await segments?.close();
    try {
      const sha256 = await store.append({
        kind: 'End',
        endedAt: new Date(clock.now()).toISOString(),
        state: this.#state,
        ...(reason === undefined ? {} : { reason }),
        ...(this.#problem === undefined ? {} : { problem: this.#problem }),
        segments: segments?.count ?? 0,
        ...this.#transcript?.summary(),
      });
      this.#manifest = { sha256, segments: segments?.named ?? 0 };
    } catch (error) {
      this.#fail('the recording could not be ended', error);
    }
    store.release();
  }

  #watchArchives(transcript: Transcript): ArchiveWatch {
    const tell = (write: (atMs: number) => void): void => {
      write(this.#deps.clock.now());
      this.#afterLines();
    };
    return new ArchiveWatch({
      onFile: (event) => tell((atMs) => transcript.event(event, atMs)),
      onProblem: (problem) => tell((atMs) => transcript.note(`files ${problem}`, atMs)),
    });
  }
}
