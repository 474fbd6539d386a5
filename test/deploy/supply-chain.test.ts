// What SECURITY.md says of the packages that are installed, held against package.json and the lock file.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
}
type Versions = Readonly<Record<string, string>>;

const read = (name: string): Promise<string> => readFile(new URL(`../../${name}`, import.meta.url), 'utf8');
const manifest = JSON.parse(await read('package.json')) as Readonly<
  Record<'dependencies' | 'devDependencies' | 'optionalDependencies', Versions>
>;
const { packages } = JSON.parse(await read('package-lock.json')) as {
  readonly packages: Readonly<Record<string, Locked>>;
};
const installed = Object.entries(packages).filter(([name]) => name !== '');

describe('the packages', () => {
  it('are each pinned to one version, which is the one in the lock file', () => {
    const { dependencies, devDependencies, optionalDependencies } = manifest;
    const wanted = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
    for (const [name, version] of wanted) {
      assert.match(version, /^\d+\.\d+\.\d+$/, name);
      assert.equal(packages[`node_modules/${name}`]?.version, version, name);
    }
  });

  it('are each known by a SHA-512 digest', () => {
    assert.ok(installed.length > 100);
    for (const [name, { integrity }] of installed) assert.match(integrity ?? '', /^sha512-/, name);
  });

  it('run nothing when they are installed', async () => {
    assert.deepEqual(
      installed.filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([name]) => name),
      [],
    );
    assert.match(await read('.npmrc'), /^ignore-scripts=true$/m);
  });
});
