// Reads events that an audit wrote.

import assert from 'node:assert/strict';
import { Writable } from 'node:stream';

export type EventRecord = Readonly<Record<string, unknown>>;

/** Every line must be a whole JSON object. */
export function parseEvents(text: string): EventRecord[] {
  if (text === '') return [];
  assert.ok(text.endsWith('\n'), 'the last line has an end');
  return text.slice(0, -1).split('\n').map(parseEvent);
}

function parseEvent(line: string): EventRecord {
  const value: unknown = JSON.parse(line);
  assert.ok(isRecord(value), line);
  return value;
}

const isRecord = (value: unknown): value is EventRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `event.annotations`, checked to be strings. */
export function annotationsOf(event: EventRecord | undefined): Readonly<Record<string, string>> {
  const annotations = event?.['annotations'];
  assert.ok(isRecord(annotations));
  const checked: Record<string, string> = {};
  for (const [name, value] of Object.entries(annotations)) {
    assert.ok(typeof value === 'string', name);
    checked[name] = value;
  }
  return checked;
}

/** A stream that keeps what is written to it. */
export class KeptStream extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
