// Where recordings are kept and encrypted to whom: the files of it read, and what can be known to fail told.

import type { RecordingEncryption, S3Settings } from '../../core/recording-store.ts';
import type { GatewayFile } from '../schema/gateway.ts';
import type { Reading } from '../reading.ts';
import { createEncrypt, toLines } from '../../age/age.ts';
import { resolveFile } from '../files.ts';
import { readAuthorities } from './authorities.ts';

/** An upload has a whole segment in memory. */
const MAX_SEGMENT_BYTES = 16 * 2 ** 20;

type Section = NonNullable<GatewayFile['recording']>;

/** Undefined: there is a problem, which has been told. */
export async function readEncryption(
  { recipients: named = [], recipientsFile }: NonNullable<Section['encryption']>,
  { source, folder, files, findings }: Reading,
): Promise<RecordingEncryption | undefined> {
  const path = ['recording', 'encryption'];
  const text =
    recipientsFile === undefined
      ? ''
      : await files.read(resolveFile(folder, recipientsFile), source, [...path, 'recipientsFile']);
  if (text === undefined) return undefined;
  const [first, ...others] = [...named, ...toLines(text)];
  if (first === undefined) {
    findings.problem(source, [...path, 'recipientsFile'], 'there is no recipient in the file');
    return undefined;
  }
  const recipients: RecordingEncryption['recipients'] = [first, ...others];
  try {
    await createEncrypt(recipients);
  } catch (error) {
    // A file of identities by mistake: what is in it is not repeated.
    const isSecret = recipients.some((recipient) => /secret/i.test(recipient));
    const words =
      !isSecret && error instanceof Error ? error.message : 'there is one that is no recipient of age';
    findings.problem(source, path, words);
    return undefined;
  }
  return { recipients };
}

/** Undefined: there is a problem, which has been told. The key files are only looked at: they are read when used. */
export async function readS3(
  { s3 }: NonNullable<Section['store']>,
  segmentMaxBytes: number,
  reading: Reading,
): Promise<S3Settings | undefined> {
  const { certificateAuthorityFile, spoolMaxSize, prefix, accessKeyIdFile, secretAccessKeyFile, ...rest } =
    s3;
  const { sessionTokenFile, ...settings } = rest;
  const { source, folder, findings } = reading;
  const path = ['recording', 'store', 's3'];
  const certificateAuthority =
    certificateAuthorityFile === undefined
      ? undefined
      : await readAuthorities(certificateAuthorityFile, reading, [...path, 'certificateAuthorityFile']);
  if (certificateAuthorityFile !== undefined && certificateAuthority === undefined) return undefined;
  if (spoolMaxSize < 2 * segmentMaxBytes) {
    findings.problem(source, [...path, 'spoolMaxSize'], 'must have room for two segments (segment.maxSize)');
  }
  if (segmentMaxBytes > MAX_SEGMENT_BYTES) {
    const message = 'must be at most 16Mi where recordings go to a store';
    findings.problem(source, ['recording', 'segment', 'maxSize'], message);
  }
  if (s3.endpoint?.startsWith('http:') === true) {
    findings.warning(source, [...path, 'endpoint'], 'recordings go to the store over plain HTTP');
  }
  return {
    ...settings,
    prefix: prefix === undefined ? '' : `${prefix}/`,
    accessKeyIdFile: resolveFile(folder, accessKeyIdFile),
    secretAccessKeyFile: resolveFile(folder, secretAccessKeyFile),
    ...(sessionTokenFile === undefined ? {} : { sessionTokenFile: resolveFile(folder, sessionTokenFile) }),
    ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
    spoolMaxBytes: spoolMaxSize,
  };
}
