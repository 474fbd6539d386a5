// The example configuration: it is valid as it stands, it holds every setting, and what is switched off in it works too.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse, stringify } from 'yaml';
import { generateSigningKey } from '../../src/chain/jws.ts';
import { loadConfiguration } from '../../src/config/load.ts';
import { listSettings } from '../../src/config/reference.ts';
import { createAuthority } from '../support/pki.ts';
import { problemsOf, warningsOf } from './set-up.ts';

const CONFIG = new URL('../../config/', import.meta.url);
const SWITCHED_OFF = /^( *)#((?: {2,})?(?:- )?[A-Za-z][A-Za-z0-9]*:(?: .*)?)$/gm;

const example = await readFile(new URL('gateway.yaml', CONFIG), 'utf8');
/** The example with all that is switched off in it switched on. */
const everything = example.replace(SWITCHED_OFF, '$1$2');

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-example-'));
  await cp(CONFIG, join(folder, 'config'), { recursive: true });
  await mkdir(join(folder, 'certs'));
  const authority = await createAuthority('example');
  const notAfter = new Date(Date.now() + 90 * 86_400_000);
  const write = (name: string, text: string): Promise<void> => writeFile(join(folder, 'certs', name), text);
  for (const name of ['client-ca', 'kubelet-ca', 's3-ca']) await write(`${name}.crt`, authority.certificate);
  await write('client-ca.crl', await authority.revoke([]));
  await write(
    'recordings.recipients',
    '# of the auditors\nage1dyyzztr64x5k2wsyqw9mt5kusf32aaps82622kw0dhpnvvyahcss4mwvln\n',
  );
  for (const name of [
    'gateway',
    'admin',
    'node-1-reader',
    'node-2-reader',
    'node-1-operator',
    'node-2-operator',
    'node-3-reader',
    'node-3-operator',
  ]) {
    const { certificate, key } = await authority.issue({ commonName: name, notAfter });
    await write(`${name}.crt`, certificate);
    await write(`${name}.key`, key);
  }
  await write('kubelet-users.crt', authority.certificate);
  await write('kubelet-users.key', authority.key);
  for (const name of ['node-1', 'node-2', 'node-3']) await write(`${name}.token`, 'a token\n');
  for (const name of ['s3-access-key-id', 's3-secret-access-key', 's3-session-token']) {
    await write(name, 'a secret\n');
  }
  await write('redis-ca.crt', authority.certificate);
  await write('cookie.key', randomBytes(32).toString('base64'));
  await write('login-client.secret', 'a secret\n');
  await write('redis.password', 'a password\n');
  await write('audit-key.pem', (await generateSigningKey()).privateKey);
  await writeFile(
    join(folder, 'config', 'kubeconfig.yaml'),
    stringify({
      'current-context': 'gateway',
      contexts: [{ name: 'gateway', context: { cluster: 'cluster', user: 'gateway' } }],
      clusters: [
        {
          name: 'cluster',
          cluster: { server: 'https://10.0.0.1:6443', 'certificate-authority': '../certs/client-ca.crt' },
        },
      ],
      users: [{ name: 'gateway', user: { tokenFile: '../certs/node-1.token' } }],
    }),
  );
});
after(() => rm(folder, { recursive: true }));

const load = async (text: string) => {
  const file = join(folder, 'config', 'gateway.yaml');
  await writeFile(file, text);
  return loadConfiguration(file, { checkCredentialFiles: true, variables: {} });
};

/** The paths of all keys, list positions left out. */
function pathsOf(value: unknown, path = ''): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => pathsOf(item, `${path}[]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = path === '' ? key : `${path}.${key}`;
    // The keys of labels are anybody's.
    return key === 'labels' ? [at] : [at, ...pathsOf(inner, at)];
  });
}

describe('the example configuration', () => {
  it('is valid, and its warnings are those that its comments speak of', async () => {
    const result = await load(example);
    assert.deepEqual(problemsOf(result), []);
    assert.deepEqual(warningsOf(result), [
      'rules[1].omitStages: RequestReceived is omitted, and blocking-strict can then not see to it that nothing is dialled before it is written down',
    ]);
  });

  it('becomes typed values with units, absolute names and defaults', async () => {
    const result = await load(example);
    assert.ok(result.ok);
    const { configuration } = result;
    assert.equal(configuration.authentication.tokenCache.ttlMs, 60_000);
    assert.equal(configuration.audit.file?.maxBytes, 100 * 1024 * 1024);
    assert.equal(configuration.audit.file.maxAgeMs, 366 * 86_400_000);
    assert.equal(configuration.audit.file.path, join(folder, 'config', 'audit.log'));
    assert.equal(configuration.audit.policy.rules.length, 4);
    assert.deepEqual(configuration.sessions.exec, { idleMs: 3_600_000, absoluteMs: 43_200_000 });
    assert.deepEqual(
      configuration.nodes.source.kind === 'list' &&
        configuration.nodes.source.nodes.map(({ name, port, labels }) => [name, port, labels?.['pool']]),
      [
        ['node-1', 10_250, 'general'],
        ['node-2', 10_250, undefined],
      ],
    );
    assert.deepEqual(configuration.credentials[0], {
      kind: 'certificate',
      name: 'reader',
      certificateFile: join(folder, 'certs', '{node}-reader.crt'),
      privateKeyFile: join(folder, 'certs', '{node}-reader.key'),
    });
    assert.equal(
      configuration.authentication.issuers.jwt[0]?.issuer.url,
      'https://idp.example.org/realms/platform',
    );
    const { authorization } = configuration;
    assert.ok(authorization.mode === 'RBAC' && authorization.podSubresources);
    assert.equal(authorization.rbac.clusterRoles.length, 2);
    assert.equal(authorization.rbac.roleBindings[0]?.namespace, 'shop');
  });

  it('prints no key', async () => {
    const result = await load(example);
    assert.ok(!JSON.stringify(result).includes('PRIVATE KEY'));
  });

  it('holds every setting that there is, and no other', () => {
    const held = new Set(pathsOf(parse(everything)));
    assert.deepEqual(
      [...held].toSorted(),
      listSettings()
        .map(({ path }) => path)
        .toSorted(),
    );
  });

  it('is valid by the JSON Schema that editors are given, and mistakes are not', async () => {
    const schema = JSON.parse(await readFile(new URL('schema.json', CONFIG), 'utf8')) as object;
    const validate = new Ajv2020({ strict: false }).compile(schema);
    for (const text of [example, everything]) {
      validate(parse(text));
      assert.deepEqual(validate.errors ?? [], []);
    }
    assert.equal(validate({ ...(parse(example) as object), nodse: [] }), false);
    assert.equal(validate(parse(example.replace('idle: 4h', 'idle: 4'))), false);
  });

  it('is valid with a connection to an API server', async () => {
    const review = everything
      .replace('mode: RBAC', 'mode: SubjectAccessReview')
      .replaceAll('inCluster: true', '')
      // One source of nodes is enough.
      .replace(/^ {2}file: .*\n/m, '')
      .replace(/^ {2}kubernetes:\n(?: {4}.*\n)+/m, '')
      .replace(/^ {4}signer:\n(?: {6}.*\n)+/m, '')
      .replace(/^ {6}certificateSigningRequest:\n(?: {8}.*\n)+/m, '')
      .replace(/^ {2}- name: legacy\n.*\n/m, '');
    const result = await load(review);
    assert.deepEqual(problemsOf(result), []);
    assert.ok(result.ok && result.configuration.authorization.mode === 'SubjectAccessReview');
    const { connection, authorizedTtlMs } = result.configuration.authorization.subjectAccessReview;
    assert.equal(authorizedTtlMs, 300_000);
    assert.equal(connection.server, 'https://10.0.0.1:6443');
    assert.deepEqual(connection.credential, {
      kind: 'tokenFile',
      path: join(folder, 'certs', 'node-1.token'),
    });
  });

  it('says which files of credentials are missing or do not fit', async () => {
    await rm(join(folder, 'certs', 'node-2-reader.crt'));
    await cp(join(folder, 'certs', 'admin.key'), join(folder, 'certs', 'node-1-operator.key'));
    const result = await load(example);
    assert.deepEqual(problemsOf(result), [
      `credentials[0].certificateFile: cannot read ${join(folder, 'certs', 'node-2-reader.crt')}: there is no such file`,
      'credentials[1]: the private key does not belong to the certificate (node node-1)',
    ]);
    // A running gateway reads them by itself: for it this is no reason not to start.
    const running = await loadConfiguration(join(folder, 'config', 'gateway.yaml'));
    assert.ok(running.ok);
    assert.ok(running.files.every((file) => !file.includes('node-1-')));
  });
});
