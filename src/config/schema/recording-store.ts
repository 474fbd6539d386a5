// The parts of the recording section that say where recordings are kept, encrypted to whom, and for how long.

import { z } from 'zod';
import { duration, fileName, nonEmpty, quantity } from './scalars.ts';
import { someOf, strict } from './strict.ts';

/** Names of general purpose buckets (Amazon S3 User Guide, "Bucket naming rules"). */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
/** No slash at the beginning or the end, no empty part, nothing that needs encoding. */
const PREFIX = /^[\w.-]+(?:\/[\w.-]+)*$/;

const isEndpoint = (text: string): boolean => {
  const url = URL.parse(text);
  return (
    (url?.protocol === 'https:' || url?.protocol === 'http:') &&
    url.username === '' &&
    url.password === '' &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === ''
  );
};

export const encryption = strict({
  recipients: someOf(nonEmpty, 'recipient').exactOptional().describe('Recipients of age, age1….'),
  recipientsFile: fileName.exactOptional().describe('File of recipients, one a line, and # comments.'),
})
  .refine(({ recipients, recipientsFile }) => recipients !== undefined || recipientsFile !== undefined, {
    error: 'must have recipients or recipientsFile',
  })
  .exactOptional()
  .describe(
    'Encrypts each segment, as a complete age file, to all of these recipients. The gateway cannot read it again.',
  );

const s3 = strict({
  endpoint: z
    .string()
    .refine(isEndpoint, { error: 'must be an http or https URL of a host, without a path' })
    .exactOptional()
    .describe("URL of the store. Absent: Amazon's own of the region."),
  region: nonEmpty.prefault('us-east-1').describe('Region, which requests are signed for.'),
  bucket: z
    .string()
    .regex(BUCKET, { error: 'must be the name of a bucket' })
    .describe('Bucket, which must exist.'),
  prefix: z
    .string()
    .regex(PREFIX, { error: 'must be names with slashes between them' })
    .exactOptional()
    .describe('What all keys begin with, before a slash.'),
  forcePathStyle: z
    .boolean()
    .prefault(false)
    .describe("Whether the bucket is named in the path, and not in the host's name."),
  accessKeyIdFile: fileName.describe('File of the access key id.'),
  secretAccessKeyFile: fileName.describe('File of the secret access key.'),
  sessionTokenFile: fileName.exactOptional().describe('File of the session token, where there is one.'),
  certificateAuthorityFile: fileName
    .exactOptional()
    .describe("PEM bundle of the authorities of the store's certificate. Absent: those that Node.js knows."),
  spoolMaxSize: quantity('1Mi', '16Ti')
    .prefault('1Gi')
    .describe('What may wait in `directory` for the store. When it is full, sessions wait, and then fail.'),
});

export const store = strict({ s3 })
  .exactOptional()
  .describe(
    'Where recordings are kept. Absent: in `directory`. With it, `directory` holds what waits for the store.',
  );

export const retention = strict({
  maxAge: duration('1m', '36500d').exactOptional().describe('Age, since its end, at which one is deleted.'),
  maxTotalSize: quantity('1Mi', '16Ti')
    .exactOptional()
    .describe('Size of all together, beyond which the oldest are deleted.'),
})
  .refine(({ maxAge, maxTotalSize }) => maxAge !== undefined || maxTotalSize !== undefined, {
    error: 'must have maxAge or maxTotalSize',
  })
  .exactOptional()
  .describe('Deletes the oldest recordings, never a running one. Absent: none is ever deleted.');
