// Where the parts of a recording are in an object store, below the configured prefix: a manifest cannot be added to
// there, so each of its lines is an object, and so are all of them together when the recording has ended.

import { MANIFEST_NAME } from '../manifest.ts';

export const toSegmentKey = (prefix: string, id: string, file: string): string => `${prefix}${id}/${file}`;

export const toManifestKey = (prefix: string, id: string): string => `${prefix}${id}/${MANIFEST_NAME}`;

/** `line` counts from 1. */
export const toEntryKey = (prefix: string, id: string, line: number): string =>
  `${toEntriesPrefix(prefix, id)}${String(line).padStart(8, '0')}.json`;

export const toEntriesPrefix = (prefix: string, id: string): string => `${prefix}${id}/manifest/`;

/** What says that a recording was deleted. */
export const toTombstoneKey = (prefix: string, id: string): string => `${prefix}pruned/${id}.json`;
