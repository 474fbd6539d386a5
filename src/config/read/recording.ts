// The recording section as typed values, with the files that it names read.

import type { RecordingSettings } from '../../core/recording.ts';
import type { Reading } from '../reading.ts';
import type { GatewayFile } from '../schema/gateway.ts';
import { resolveFile } from '../files.ts';
import { readEncryption, readS3 } from './recording-store.ts';

/** Undefined: there is a problem, which has been told. Never falls back to storing in the clear. */
export async function readRecording(
  section: NonNullable<GatewayFile['recording']>,
  reading: Reading,
): Promise<RecordingSettings | undefined> {
  const { directory, segment, fsync, rules, retention } = section;
  const [encryption, s3] = await Promise.all([
    section.encryption && readEncryption(section.encryption, reading),
    section.store && readS3(section.store, segment.maxSize, reading),
  ]);
  if (section.encryption !== undefined && encryption === undefined) return undefined;
  if (section.store !== undefined && s3 === undefined) return undefined;
  return {
    directory: resolveFile(reading.folder, directory),
    segment: { maxAgeMs: segment.maxAge, maxBytes: segment.maxSize },
    fsync,
    tellAfterMs: section.proofInterval,
    ...(encryption === undefined ? {} : { encryption }),
    ...(s3 === undefined ? {} : { s3 }),
    ...(retention === undefined
      ? {}
      : {
          retention: {
            ...(retention.maxAge === undefined ? {} : { maxAgeMs: retention.maxAge }),
            ...(retention.maxTotalSize === undefined ? {} : { maxTotalBytes: retention.maxTotalSize }),
          },
        }),
    rules,
  };
}
