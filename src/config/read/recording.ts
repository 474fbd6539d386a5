// The recording section as typed values.

import type { RecordingSettings } from '../../core/recording.ts';
import type { GatewayFile } from '../schema/gateway.ts';
import { resolveFile } from '../files.ts';

export function toRecording(
  section: NonNullable<GatewayFile['recording']>,
  folder: string,
): RecordingSettings {
  const { directory, segment, fsync, rules } = section;
  return {
    directory: resolveFile(folder, directory),
    segment: { maxAgeMs: segment.maxAge, maxBytes: segment.maxSize },
    fsync,
    rules: rules.map((rule) => ({ ...rule, stdin: rule.stdin === 'on' })),
  };
}
