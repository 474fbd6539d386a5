// A whole gateway whose recordings go to an S3 server of the test's, and what that server has of them.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { identityToRecipient } from 'age-encryption';
import { createDecrypt } from '../../src/age/age.ts';
import type { SessionId } from '../../src/core/operation.ts';
import { isSessionId } from '../../src/core/operation.ts';
import { getWhole } from '../../src/object-store/object-store.ts';
import type { ObjectStore } from '../../src/object-store/object-store.ts';
import { createS3Store } from '../../src/object-store/s3.ts';
import { toFiles, toSummary } from '../../src/record/archive/summary.ts';
import { signingKey } from '../observe/audit/chain/support.ts';
import type { Scenario } from '../support/scenario.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { ACCESS_KEY_ID, BUCKET, SECRET_ACCESS_KEY } from '../support/s3-server.ts';
import type { S3Server } from '../support/s3-server.ts';

export interface StoredOptions {
  readonly spool?: string;
  readonly segment?: string;
  readonly mode?: string;
  /** An age identity, to whose recipient segments are encrypted. */
  readonly identity?: string;
}

const CHAIN = `
  chain:
    signingKeyFile: audit-key.pem
    checkpoint: { maxAge: 500ms }
    secondSink: { file: checkpoints }`;

/** What the configuration of a store on this server names. */
export const toStoreFiles = (server: S3Server): Readonly<Record<string, string>> => ({
  's3-id': ACCESS_KEY_ID,
  's3-key': SECRET_ACCESS_KEY,
  's3-ca.crt': server.certificateAuthority,
});

/** The member `store` of `recording`. */
export const toStoreYaml = (server: S3Server, prefix: string, spool = '10Mi'): string => `
  store:
    s3:
      endpoint: ${server.endpoint}
      bucket: ${BUCKET}
      prefix: ${prefix}
      forcePathStyle: true
      accessKeyIdFile: s3-id
      secretAccessKeyFile: s3-key
      certificateAuthorityFile: s3-ca.crt
      spoolMaxSize: ${spool}`;

export async function startStored(
  server: S3Server,
  prefix: string,
  { spool, segment = '4Ki', mode = 'required', identity }: StoredOptions = {},
): Promise<Scenario> {
  const encryption =
    identity === undefined ? '' : `encryption: { recipients: [${await identityToRecipient(identity)}] }`;
  return startScenario({
    files: {
      ...toStoreFiles(server),
      'audit-key.pem': signingKey.privateKey,
      ...(identity && { identity }),
    },
    configure: (yaml) => `${yaml.replace(/^audit:$/m, `audit:${CHAIN}`)}
recording:
  directory: spool
  segment: { maxAge: 200ms, maxSize: ${segment} }
  ${encryption}${toStoreYaml(server, prefix, spool)}
  rules: [{ mode: ${mode}, stdin: on }]
`,
  });
}

export function openStore(server: S3Server, scenario: Scenario): ObjectStore {
  const { directory } = scenario.environment;
  return createS3Store({
    endpoint: server.endpoint,
    region: 'us-east-1',
    bucket: BUCKET,
    prefix: '',
    forcePathStyle: true,
    accessKeyIdFile: join(directory, 's3-id'),
    secretAccessKeyFile: join(directory, 's3-key'),
    certificateAuthority: server.certificateAuthority,
  });
}

export const spoolOf = (scenario: Scenario): Promise<readonly string[]> =>
  readdir(join(scenario.environment.directory, 'spool')).catch(() => []);

/** A store that was away is asked again after half a minute at the latest. */
export const emptied = (scenario: Scenario): Promise<true> =>
  eventually(
    'an empty spool',
    async () => ((await spoolOf(scenario)).length === 0 ? true : undefined),
    45_000,
  );

export async function idsOf(objects: ObjectStore, prefix: string): Promise<readonly SessionId[]> {
  const ids: SessionId[] = [];
  for await (const name of objects.folders(`${prefix}/`)) if (isSessionId(name)) ids.push(name);
  return ids;
}

/** What the store has of a recording; by default of the only one. */
export async function readStored(
  objects: ObjectStore,
  prefix: string,
  { identity, id: wanted }: { readonly identity?: string; readonly id?: SessionId } = {},
) {
  const id = wanted ?? (await idsOf(objects, prefix))[0];
  assert.ok(id);
  const manifest = (await getWhole(objects, `${prefix}/${id}/manifest.jsonl`))?.toString() ?? '';
  let text = '';
  for (const { name } of toFiles(manifest)) {
    const stored = await getWhole(objects, `${prefix}/${id}/${name}`);
    assert.ok(stored, name);
    if (name.endsWith('.age') && identity !== undefined) {
      const decrypt = await createDecrypt(identity);
      text += await new Response(await decrypt(new Blob([stored]).stream())).text();
    } else text += stored.toString();
  }
  return { id, manifest, text, summary: toSummary(id, manifest, false) };
}
