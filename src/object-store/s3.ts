// An object store by Amazon's S3 API (docs.aws.amazon.com/AmazonS3/latest/API). The library is loaded at the first
// request: it is large, and most gateways never need it. Keys and secrets are read from files, anew every minute.

import type * as S3 from '@aws-sdk/client-s3';
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import type { S3Settings } from '../core/recording-store.ts';
import type { ObjectStore, StoredObject } from './object-store.ts';

/** How long keys are used before their files are read anew. */
const KEYS_MS = 60_000;
const CONNECT_MS = 5_000;
const REQUEST_MS = 30_000;
const MAX_CONNECTIONS = 16;

/** Precondition Failed: there is an object. (Conflict says that somebody writes it at this moment, and is asked again.) */
const REFUSED = 412;
const NOT_FOUND = 404;

type Library = typeof S3;
type Settings = Omit<S3Settings, 'spoolMaxBytes'>;

export const createS3Store = (settings: Settings): ObjectStore => new S3Store(settings);

class S3Store implements ObjectStore {
  readonly #settings: Settings;
  readonly #agent: Agent;
  #loading: Promise<{ readonly library: Library; readonly client: S3.S3Client }> | undefined;

  constructor(settings: Settings) {
    const { certificateAuthority: ca } = settings;
    this.#settings = settings;
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: MAX_CONNECTIONS,
      ...(ca === undefined ? {} : { ca }),
    });
  }

  async putNew(key: string, body: Uint8Array, signal?: AbortSignal): Promise<'stored' | 'exists'> {
    const { library, client } = await this.#load();
    const command = new library.PutObjectCommand({ ...this.#at(key), Body: body, IfNoneMatch: '*' });
    try {
      await client.send(command, toOptions(signal));
      return 'stored';
    } catch (error) {
      if (statusOf(error) === REFUSED) return 'exists';
      throw error;
    }
  }

  async get(key: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined> {
    const { library, client } = await this.#load();
    try {
      const { Body } = await client.send(new library.GetObjectCommand(this.#at(key)), toOptions(signal));
      return Body?.transformToWebStream() ?? new ReadableStream();
    } catch (error) {
      if (statusOf(error) === NOT_FOUND && nameOf(error) !== 'NoSuchBucket') return undefined;
      throw error;
    }
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncGenerator<StoredObject> {
    for await (const { Contents = [] } of this.#pages({ Prefix: prefix }, signal)) {
      for (const { Key, Size } of Contents) if (Key !== undefined) yield { key: Key, bytes: Size ?? 0 };
    }
  }

  async *folders(prefix: string, signal?: AbortSignal): AsyncGenerator<string> {
    for await (const page of this.#pages({ Prefix: prefix, Delimiter: '/' }, signal)) {
      for (const { Prefix } of page.CommonPrefixes ?? []) {
        if (Prefix !== undefined) yield Prefix.slice(prefix.length).replace(/\/$/, '');
      }
    }
  }

  async delete(key: string, signal?: AbortSignal): Promise<void> {
    const { library, client } = await this.#load();
    await client.send(new library.DeleteObjectCommand(this.#at(key)), toOptions(signal));
  }

  close(): void {
    void this.#loading?.then(({ client }) => client.destroy()).catch(() => undefined);
    this.#agent.destroy();
  }

  async *#pages(
    what: { readonly Prefix: string; readonly Delimiter?: string },
    signal?: AbortSignal,
  ): AsyncGenerator<S3.ListObjectsV2CommandOutput> {
    const { library, client } = await this.#load();
    let token: string | undefined;
    do {
      const input = { Bucket: this.#settings.bucket, ...what, ContinuationToken: token };
      const page: S3.ListObjectsV2CommandOutput = await client.send(
        new library.ListObjectsV2Command(input),
        toOptions(signal),
      );
      yield page;
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  #at(Key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#settings.bucket, Key };
  }

  #load() {
    this.#loading ??= import('@aws-sdk/client-s3').then((library) => ({
      library,
      client: createClient(library, this.#settings, this.#agent),
    }));
    return this.#loading;
  }
}

const toOptions = (signal?: AbortSignal) => (signal === undefined ? {} : { abortSignal: signal });

function createClient({ S3Client }: Library, settings: Settings, httpsAgent: Agent): S3.S3Client {
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
    // Nor is one taken from the environment.
    ignoreConfiguredEndpointUrls: true,
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
function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return 0;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return 0;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : 0;
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');
