// What stages are handed instead of reaching for it: time, and a log.

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back after `delayMs`; the returned function cancels. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (delayMs, callback) => {
    // Node's timers hold 32 bits of milliseconds; a longer wait is cut to 24.8 days, which no session outlives.
    const timer = setTimeout(callback, Math.min(delayMs, 2 ** 31 - 1));
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

/** A log that takes fields which are JSON already, for lines that come with every request. */
export interface TextLog extends Log {
  /** `members`: `,"name":value` for each. `message` needs no escaping. */
  infoText(members: string, message: string): void;
}
