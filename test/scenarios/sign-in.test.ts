// kubectl with the exec plugin, from an empty cache, through the whole gateway: a real OpenID provider, a person who fills
// in its forms, and the kubeconfig that the program writes.

import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { kubectlPath } from '../../scripts/kubectl.ts';
import { CLIENT_ID, startPeopleProvider } from '../sign-in/provider.ts';
import type { PeopleProvider } from '../sign-in/provider.ts';
import { closeAll } from '../support/close-all.ts';
import { run, startScenario } from '../support/scenario.ts';
import type { Finished, Scenario } from '../support/scenario.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const PERSON = fileURLToPath(new URL('../sign-in/person.ts', import.meta.url));

let folder = '';
let provider: PeopleProvider;
let scenario: Scenario;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sign-in-'));
  provider = await startPeopleProvider();
  await writeFile(join(folder, 'provider-ca.crt'), provider.certificateAuthority);
  await script('browser', `"${process.execPath}" "${PERSON}" "$1"`);
  await script('kubelet-gateway', `"${process.execPath}" "${MAIN}" "$@"`);
  scenario = await startScenario({
    files: { 'authentication.yaml': authentication(provider) },
    // The demo's own provider, which people sign in at with a browser, is not asked here.
    configure: (yaml) => yaml.replace(/^login:\n(?:[ #].*\n)*/m, ''),
  });
});

after(async () => {
  await closeAll(scenario, provider);
  await rm(folder, { recursive: true, force: true });
});

async function script(name: string, command: string): Promise<void> {
  await writeFile(join(folder, name), `#!/bin/sh\nexec ${command}\n`);
  await chmod(join(folder, name), 0o755);
}

const authentication = ({ issuer, certificateAuthority }: PeopleProvider): string =>
  `apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
  - issuer:
      url: ${issuer}
      certificateAuthority: |
${certificateAuthority.trim().replace(/^/gm, '        ')}
      audiences: [${CLIENT_ID}]
    claimMappings:
      username: { claim: sub, prefix: "" }
`;

const environment = (more: Record<string, string> = {}): Record<string, string> => ({
  HOME: folder,
  KUBECONFIG: join(folder, 'kubeconfig'),
  BROWSER: join(folder, 'browser'),
  NODE_EXTRA_CA_CERTS: join(folder, 'provider-ca.crt'),
  ...more,
});

const kubectl = (args: readonly string[], env: Record<string, string> = {}): Promise<Finished> =>
  run(kubectlPath(), args, { env: environment(env) });

test('a kubeconfig for a gateway is written once, and is the owner’s alone', async () => {
  const args = [
    MAIN,
    'kubeconfig',
    `--server=${scenario.url}`,
    `--server-certificate-authority=${join(scenario.environment.directory, 'ca.crt')}`,
    '--node=node-1',
    '--name=fleet',
    `--issuer-url=${provider.issuer}`,
    `--client-id=${CLIENT_ID}`,
    `--certificate-authority=${join(folder, 'provider-ca.crt')}`,
    `--cache-dir=${join(folder, 'tokens')}`,
    `--command=${join(folder, 'kubelet-gateway')}`,
    `--output=${join(folder, 'kubeconfig')}`,
  ];
  const first = await run(process.execPath, args);
  assert.equal(first.code, 0, first.stderr);
  const again = await run(process.execPath, args);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /is there already; it is left as it is/);
});

test('kubectl signs the person in by itself, and again without asking anybody', async () => {
  const first = await kubectl(['--context', 'fleet-node-1', 'exec', 'shell', '--', 'echo', 'hello']);
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stdout.toString(), 'hello\n');
  assert.equal((await readdir(join(folder, 'tokens'))).length, 1);
  const asked = provider.tokenRequests();
  const second = await kubectl(['--context', 'fleet-node-1', 'logs', 'shell'], { BROWSER: '/nonexistent' });
  assert.equal(second.code, 0, second.stderr);
  assert.equal(provider.tokenRequests(), asked);
  const events = await scenario.auditEvents();
  assert.ok(events.some(({ user, requestURI }) => user.username === 'alice' && requestURI.includes('/exec')));
});

test('kubectl of a machine whose clock is two hours behind works, and says so', async () => {
  const clock = 'const now = Date.now; Date.now = () => now() - 7_200_000;';
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(clock)}` };
  await rm(join(folder, 'tokens'), { recursive: true, force: true });
  const { code, stderr } = await kubectl(['--context', 'fleet-node-1', 'exec', 'shell', '--', 'true'], env);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /the clock of this machine is 120 min behind the provider's: set it right/);
  await rm(join(folder, 'tokens'), { recursive: true, force: true });
});

test('by hand, login takes its settings from the kubeconfig, and prints a token for curl', async () => {
  const { code, stdout, stderr } = await run(
    join(folder, 'kubelet-gateway'),
    ['login', '--context=fleet', '--output=token'],
    { env: environment() },
  );
  assert.equal(code, 0, stderr);
  const answer = await run('curl', [
    '-sS',
    '--cacert',
    join(scenario.environment.directory, 'ca.crt'),
    '-H',
    `Authorization: Bearer ${stdout.toString().trim()}`,
    `${scenario.url}/nodes/node-1/healthz`,
  ]);
  assert.equal(answer.stdout.toString(), 'ok');
});

test('refused: a context that does not sign in with this program, and one that is not there', async () => {
  const other = { KUBECONFIG: join(scenario.environment.directory, 'kubeconfig') };
  const login = (context: string): Promise<Finished> =>
    run(join(folder, 'kubelet-gateway'), ['login', `--context=${context}`], { env: environment(other) });
  const basic = await login('alice');
  assert.equal(basic.code, 2);
  assert.match(basic.stderr, /a kubeconfig whose context signs in with kubelet-gateway login/);
  const gone = await login('nobody');
  assert.equal(gone.code, 2);
  assert.match(gone.stderr, /there is no context "nobody"/);
});
