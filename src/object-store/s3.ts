// An object store by Amazon's S3 API (docs.aws.amazon.com/AmazonS3/latest/API). The library is loaded at the first
// request: it is large, and most gateways never need it. Keys and secrets are read from files, anew every minute.

import type { GetObjectCommandOutput, ListObjectsV2CommandOutput, S3Client } from '@aws-sdk/client-s3';
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import type { S3Settings } from '../core/recording-store.ts';
import type { ObjectStore } from './object-store.ts';

/** How long keys are used before their files are read anew. */
const KEYS_MS = 60_000;
const CONNECT_MS = 5_000;
const REQUEST_MS = 30_000;
const MAX_CONNECTIONS = 16;

/** Precondition Failed: there is an object. (Conflict says that somebody writes it at this moment, and is asked again.) */
const REFUSED = 412;
const NOT_FOUND = 404;

type Library = typeof import('@aws-sdk/client-s3');

export function createS3Store(settings: Omit<S3Settings, 'spoolMaxBytes'>): ObjectStore {
  const { bucket: Bucket } = settings;
  let loading: Promise<{ readonly library: Library; readonly client: S3Client }> | undefined;
  let agent: Agent | undefined;
  const load = () =>
    (loading ??= import('@aws-sdk/client-s3').then((library) => {
      agent = new Agent({
        keepAlive: true,
        maxSockets: MAX_CONNECTIONS,
        ...(settings.certificateAuthority === undefined ? {} : { ca: settings.certificateAuthority }),
      });
      return { library, client: createClient(library, settings, agent) };
    }));
  const toOptions = (signal?: AbortSignal) => (signal === undefined ? {} : { abortSignal: signal });

  async function* pages(
    Prefix: string,
    Delimiter: string | undefined,
    signal?: AbortSignal,
  ): AsyncGenerator<ListObjectsV2CommandOutput> {
    const { library, client } = await load();
    let token: string | undefined;
    do {
      const page: ListObjectsV2CommandOutput = await client.send(
        new library.ListObjectsV2Command({ Bucket, Prefix, Delimiter, ContinuationToken: token }),
        toOptions(signal),
      );
      yield page;
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  return {
    async putNew(Key, Body, signal) {
      const { library, client } = await load();
      try {
        await client.send(
          new library.PutObjectCommand({ Bucket, Key, Body, IfNoneMatch: '*' }),
          toOptions(signal),
        );
        return 'stored';
      } catch (error) {
        if (statusOf(error) === REFUSED) return 'exists';
        throw error;
      }
    },
    async get(Key, signal) {
      const { library, client } = await load();
      let answer: GetObjectCommandOutput;
      try {
        answer = await client.send(new library.GetObjectCommand({ Bucket, Key }), toOptions(signal));
      } catch (error) {
        if (statusOf(error) === NOT_FOUND && nameOf(error) !== 'NoSuchBucket') return undefined;
        throw error;
      }
      return answer.Body?.transformToWebStream() ?? new ReadableStream();
    },
    async *list(prefix, signal) {
      for await (const { Contents = [] } of pages(prefix, undefined, signal)) {
        for (const { Key, Size } of Contents) if (Key !== undefined) yield { key: Key, bytes: Size ?? 0 };
      }
    },
    async *folders(prefix, signal) {
      for await (const { CommonPrefixes = [] } of pages(prefix, '/', signal)) {
        for (const { Prefix } of CommonPrefixes) {
          if (Prefix !== undefined) yield Prefix.slice(prefix.length).replace(/\/$/, '');
        }
      }
    },
    async delete(Key, signal) {
      const { library, client } = await load();
      await client.send(new library.DeleteObjectCommand({ Bucket, Key }), toOptions(signal));
    },
    close() {
      void loading?.then(({ client }) => client.destroy()).catch(() => undefined);
      agent?.destroy();
    },
  };
}

function createClient(
  { S3Client }: Library,
  settings: Omit<S3Settings, 'spoolMaxBytes'>,
  httpsAgent: Agent,
): S3Client {
  const { region, endpoint, forcePathStyle } = settings;
  return new S3Client({
    region,
    forcePathStyle,
    ...(endpoint === undefined ? {} : { endpoint }),
    credentials: () => readKeys(settings),
    // Digests are in the manifest; stores other than Amazon's know neither these trailers nor their encoding.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Whoever calls repeats what failed, and knows for how long.
    maxAttempts: 1,
    // A region's other endpoint is not followed to: the configuration names the host.
    followRegionRedirects: false,
    requestHandler: { httpsAgent, connectionTimeout: CONNECT_MS, requestTimeout: REQUEST_MS },
  });
}

async function readKeys({ accessKeyIdFile, secretAccessKeyFile, sessionTokenFile }: KeyFiles) {
  const [accessKeyId, secretAccessKey, sessionToken] = await Promise.all([
    readKey(accessKeyIdFile),
    readKey(secretAccessKeyFile),
    sessionTokenFile === undefined ? undefined : readKey(sessionTokenFile),
  ]);
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    expiration: new Date(Date.now() + KEYS_MS),
  };
}

type KeyFiles = Pick<S3Settings, 'accessKeyIdFile' | 'secretAccessKeyFile' | 'sessionTokenFile'>;

async function readKey(file: string): Promise<string> {
  const key = (await readFile(file, 'utf8')).trim();
  if (key === '') throw new Error(`${file} is empty`);
  return key;
}

/** Of an answer; 0 when there was none. */
export function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return 0;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return 0;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : 0;
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');
