// The channel by which gateways tell each other of revocations: connected, read as a whole after each connection, and
// known to be heard, because whoever speaks hears itself. A gateway that does not hear itself knows that it knows nothing.

import { randomUUID } from 'node:crypto';
import type { Clock, Log } from '../core/ports.ts';
import type { Client } from './redis-client.ts';
import { ANSWER_MS, toMessage } from './redis-client.ts';

const BEAT_MS = 2_000;
/** Without a beat for so long, nothing that was told since can be known. */
const SILENCE_MS = 7_000;

export interface ChannelOptions {
  readonly channel: string;
  readonly onMessage: (text: string) => void;
  /** Another one, of what nobody has to know. */
  readonly aside: { readonly channel: string; readonly onMessage: (text: string) => void };
  /** Reads all that was told before. */
  readonly onConnected: () => Promise<void>;
  /** Every two seconds while the server is there. Never rejects. */
  readonly onBeat: () => Promise<void>;
}

export class RevocationChannel {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #client: Client;
  readonly #subscriber: Client;
  readonly #options: ChannelOptions;
  readonly #self = randomUUID();
  #isLoaded = false;
  #heardAt = -Infinity;
  #isStopped = false;
  #wasGood = true;
  #cancelBeat: () => void = () => undefined;

  constructor(
    { clock, log }: { readonly clock: Clock; readonly log: Log },
    client: Client,
    options: ChannelOptions,
  ) {
    this.#clock = clock;
    this.#log = log;
    this.#client = client;
    this.#subscriber = client.duplicate();
    this.#options = options;
    for (const one of [this.#client, this.#subscriber]) {
      one.on('error', (error: unknown) => log.debug({ error: toMessage(error) }, 'session store'));
      // What was told while the connection was away is in the set alone.
      one.on('reconnecting', () => (this.#isLoaded = false));
    }
  }

  /** Why nothing can be known at present. */
  problem(): string | undefined {
    if (!this.#isLoaded) return 'the session store has not been reached yet, or not again';
    return this.#clock.now() - this.#heardAt > SILENCE_MS ? 'the session store is silent' : undefined;
  }

  /** Resolves when the first attempt has ended. Never rejects. */
  async start(): Promise<void> {
    let cancel = (): void => undefined;
    const late = new Promise<void>((resolve) => (cancel = this.#clock.after(ANSWER_MS, resolve)));
    await Promise.race([this.#connect(), late]);
    cancel();
    this.#beatOn();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelBeat();
    for (const one of [this.#client, this.#subscriber]) if (one.isOpen) one.destroy();
  }

  async #connect(): Promise<void> {
    try {
      await Promise.all([this.#client.connect(), this.#subscriber.connect()]);
      await this.#subscriber.subscribe(this.#options.channel, (text) => this.#listen(text));
      const { aside } = this.#options;
      await this.#subscriber.subscribe(aside.channel, aside.onMessage);
      await this.#load();
    } catch (error) {
      this.#log.warn({ error: toMessage(error) }, 'the session store could not be reached');
    }
  }

  #listen(text: string): void {
    if (text === this.#self) this.#heardAt = this.#clock.now();
    else this.#options.onMessage(text);
  }

  /** After the channel is heard, so that nothing is told between the two. */
  async #load(): Promise<void> {
    try {
      await this.#options.onConnected();
      this.#isLoaded = true;
      this.#heardAt = this.#clock.now();
    } catch (error) {
      this.#log.warn({ error: toMessage(error) }, 'the list of ended sign-ins could not be read');
    }
  }

  #beatOn(): void {
    if (this.#isStopped) return;
    void this.#beat();
    this.#cancelBeat = this.#clock.after(BEAT_MS, () => this.#beatOn());
  }

  async #beat(): Promise<void> {
    try {
      if (this.#client.isReady && this.#subscriber.isReady) {
        if (!this.#isLoaded) await this.#load();
        void this.#options.onBeat();
        await this.#client.publish(this.#options.channel, this.#self);
      }
    } catch (error) {
      this.#log.debug({ error: toMessage(error) }, 'a beat of the session store failed');
    }
    this.#note();
  }

  #note(): void {
    const problem = this.problem();
    if ((problem === undefined) === this.#wasGood) return;
    this.#wasGood = problem === undefined;
    if (problem === undefined) this.#log.info({}, 'the session store answers again');
    else this.#log.error({ problem }, 'no session of a browser counts until the session store answers');
  }
}
