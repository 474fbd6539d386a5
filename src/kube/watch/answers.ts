// Decoders of what lists and watches answer (apimachinery pkg/apis/meta/v1: List, WatchEvent, Status). Only what leads
// through a list is looked at here; the objects are for the reader's own decoder.

import { toRecord } from '../decode.ts';

/** One page of a list. */
export interface Page {
  readonly items: readonly unknown[];
  readonly resourceVersion: string;
  /** Empty: this was the last one. */
  readonly continuation: string;
}

export type WatchEvent =
  | { readonly kind: 'changed' | 'removed'; readonly object: unknown; readonly resourceVersion: string }
  | { readonly kind: 'bookmark'; readonly resourceVersion: string }
  /** The server ends the watch with a Status. */
  | { readonly kind: 'error'; readonly code: number; readonly message: string };

/** Throws a TypeError or SyntaxError that says what is wrong with the answer. */
export function parsePage(body: string): Page {
  const list = toRecord(JSON.parse(body), 'the answer');
  const metadata = toRecord(list['metadata'], 'metadata');
  const resourceVersion = metadata['resourceVersion'];
  const continuation = metadata['continue'] ?? '';
  // Go writes null for an empty list.
  const items: unknown = list['items'] ?? [];
  if (typeof resourceVersion !== 'string' || resourceVersion === '') {
    throw new TypeError('the list has no resourceVersion');
  }
  if (typeof continuation !== 'string') throw new TypeError('metadata.continue is not a string');
  if (!Array.isArray(items)) throw new TypeError('items is not a list');
  return { items, resourceVersion, continuation };
}

/** Throws as `parsePage` does. */
export function parseWatchEvent(line: string): WatchEvent {
  const event = toRecord(JSON.parse(line), 'the event');
  const object = toRecord(event['object'], 'object');
  switch (event['type']) {
    case 'ADDED':
    case 'MODIFIED':
      return { kind: 'changed', object, resourceVersion: toVersion(object) };
    case 'DELETED':
      return { kind: 'removed', object, resourceVersion: toVersion(object) };
    case 'BOOKMARK':
      return { kind: 'bookmark', resourceVersion: toVersion(object) };
    case 'ERROR': {
      const { code, message } = object;
      return {
        kind: 'error',
        code: typeof code === 'number' ? code : 0,
        message: typeof message === 'string' ? message : '',
      };
    }
    default:
      throw new TypeError('the event is of an unknown type');
  }
}

function toVersion(object: Readonly<Record<string, unknown>>): string {
  const version = toRecord(object['metadata'], 'object.metadata')['resourceVersion'];
  if (typeof version !== 'string' || version === '') throw new TypeError('the object has no resourceVersion');
  return version;
}

/** The message of a Status, for the log; empty when there is none. */
export function toStatusMessage(body: string): string {
  try {
    const { message } = toRecord(JSON.parse(body), 'the answer');
    return typeof message === 'string' ? message : '';
  } catch {
    return '';
  }
}
