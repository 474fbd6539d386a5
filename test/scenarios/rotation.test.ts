// Everything that expires is replaced while the gateway runs, as Kubernetes replaces what it mounts: by a swap of symlinks,
// without a signal. A command runs in a container all the while, and says so after each step.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ConnectionOptions } from 'node:tls';
import { connect } from 'node:tls';
import { AUDIENCE } from '../../demo/environment.ts';
import type { MountedSecret } from '../support/mounted-secret.ts';
import type { RogueIssuer, SigningKey } from '../support/identity-provider.ts';
import type { Scenario } from '../support/scenario.ts';
import type { TestAuthority } from '../support/pki.ts';
import type { Ticker } from '../support/ticker.ts';
import { closeAll } from '../support/close-all.ts';
import { createSigningKey, signToken, startRogueIssuer } from '../support/identity-provider.ts';
import { mountSecret } from '../support/mounted-secret.ts';
import { createAuthority } from '../support/pki.ts';
import { ask, bearer, head } from '../support/raw-client.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { startTicker } from '../support/ticker.ts';

let scenario: Scenario;
let issuer: RogueIssuer;
let key: SigningKey;
let ticker: Ticker;
let alice: string;
const mounts = new Map<string, MountedSecret>();

const file = (name: string): string => join(scenario.environment.directory, name);
const content = (name: string): Promise<string> => readFile(file(name), 'utf8');
const swap = async (name: string, files: Readonly<Record<string, string>>): Promise<void> => {
  const mounted = mounts.get(name);
  assert.ok(mounted, name);
  await mounted.swap(files);
};
const status = async (
  target: string,
  token: string | undefined,
  options: ConnectionOptions = {},
): Promise<number> =>
  (await ask(scenario, head('GET', target, ...(token === undefined ? [] : [bearer(token)])), options)).code;
const becomes = (
  code: number,
  target: string,
  token: string | undefined,
  options?: ConnectionOptions,
): Promise<true> =>
  eventually(`${code} of ${target}`, async () => {
    // An answer that runs at the moment at which its right goes is cut off.
    const seen = await status(target, token, options).catch(() => 0);
    return seen === code ? true : undefined;
  });
const signed = (by: SigningKey): Promise<string> => {
  const now = Math.floor(Date.now() / 1000);
  return signToken(by, {
    iss: issuer.url,
    aud: AUDIENCE,
    sub: 'alice',
    groups: ['sre'],
    iat: now,
    exp: now + 600,
  });
};

before(async () => {
  issuer = await startRogueIssuer();
  key = await createSigningKey('first');
  issuer.publish([key.jwk]);
  scenario = await startScenario();
  alice = await scenario.environment.issueToken('alice');
  ticker = await startTicker(scenario, alice);
  await ticker.ticks();
  const authentication = `${await content('authentication.yaml')}  - issuer:
      url: ${issuer.url}
      certificateAuthority: |
${issuer.certificateAuthority.trim().replace(/^/gm, '        ')}
      audiences: [${AUDIENCE}]
    claimMappings:
      username: { claim: sub, prefix: "" }
      groups: { claim: groups, prefix: "" }
`;
  const pair = async (name: string, as: string): Promise<Record<string, string>> => ({
    [`${as}.crt`]: await content(`pki/${name}.crt`),
    [`${as}.key`]: await content(`pki/${name}.key`),
  });
  const mount = async (name: string, files: Readonly<Record<string, string>>): Promise<void> => {
    mounts.set(name, await mountSecret(file(`mounted/${name}`), files));
  };
  await mount('serving', await pair('gateway', 'tls'));
  await mount('client-ca', { 'ca.crt': await content('pki/client-ca.crt') });
  await mount('kubelet-ca', { 'ca.crt': await content('pki/kubelet-ca.crt') });
  await mount('operator', await pair('node-1-operator', 'tls'));
  await mount('spare', await pair('node-1-operator', 'tls'));
  await mount('minting', await pair('kubelet-users', 'tls'));
  await mount('access', { 'rbac.yaml': await content('rbac.yaml'), 'authentication.yaml': authentication });
  // From here on the gateway reads what is mounted; the first reload of this test is its own configuration.
  const yaml = (await content('gateway.yaml'))
    .replace('pki/gateway.crt', 'mounted/serving/tls.crt')
    .replace('pki/gateway.key', 'mounted/serving/tls.key')
    .replace('pki/client-ca.crt', 'mounted/client-ca/ca.crt')
    .replaceAll('pki/kubelet-ca.crt', 'mounted/kubelet-ca/ca.crt')
    .replace(
      'configurationFile: authentication.yaml',
      'configurationFile: mounted/access/authentication.yaml\n  jwt: { jwksCooldown: 1s }',
    )
    .replace('rbac.yaml', 'mounted/access/rbac.yaml')
    .replace(
      'credentialMappings:\n',
      `  - { name: mounted, certificateFile: mounted/operator/tls.crt, privateKeyFile: mounted/operator/tls.key }
  - { name: spare, certificateFile: mounted/spare/tls.crt, privateKeyFile: mounted/spare/tls.key }
  - { name: person, userCertificate: { authority: { certificateFile: mounted/minting/tls.crt, privateKeyFile: mounted/minting/tls.key }, issuers: ["${issuer.url}"] } }
credentialMappings:
  - { credential: spare, nodes: [node-1], actions: [flagz] }
  - { credential: person, nodes: [node-3], actions: [configz] }
  - { credential: mounted, nodes: [node-1], actions: [configz] }
`,
    );
  await writeFile(file('gateway.yaml'), yaml);
  const token = await signed(key);
  await becomes(200, '/nodes/node-1/configz', token);
});
after(() => closeAll({ close: () => ticker.client.destroy() }, scenario, issuer));

const issueServing = async (authority: TestAuthority): Promise<Record<string, string>> => {
  const { certificate, key: privateKey } = await authority.issue({
    commonName: 'kubelet-gateway',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
    usages: ['server'],
  });
  return { 'tls.crt': certificate, 'tls.key': privateKey };
};

describe('without a restart, a signal or an end of what runs, there is another', () => {
  it('server certificate, and a broken one is never shown', async () => {
    const shown = async (): Promise<string> => {
      const socket = connect({
        host: '127.0.0.1',
        port: scenario.environment.port,
        rejectUnauthorized: false,
      });
      await once(socket, 'secureConnect');
      const { fingerprint256 } = socket.getPeerCertificate();
      socket.destroy();
      return fingerprint256;
    };
    const before = await shown();
    const next = await issueServing(await createAuthority('next gateway CA'));
    const logged = (await scenario.gatewayLog()).length;
    await swap('serving', { ...next, 'tls.key': await content('pki/gateway.key') });
    await eventually('the refusal in the log', async () =>
      (await scenario.gatewayLog()).includes('the last good one stays in force', logged) ? true : undefined,
    );
    assert.equal(await shown(), before);
    await ticker.ticks();
    await swap('serving', next);
    const fingerprint = new X509Certificate(next['tls.crt'] ?? '').fingerprint256;
    await eventually('the new certificate', async () => ((await shown()) === fingerprint ? true : undefined));
    await ticker.ticks();
    // The clients of this test trust the first authority.
    await swap('serving', {
      'tls.crt': await content('pki/gateway.crt'),
      'tls.key': await content('pki/gateway.key'),
    });
    await eventually('the old certificate', async () => ((await shown()) === before ? true : undefined));
  });

  it('client CA', async () => {
    const people = await createAuthority('next people CA');
    const toOptions = ({ certificate: cert, key: privateKey }: { certificate: string; key: string }) => ({
      cert,
      key: privateKey,
    });
    const old = toOptions(await scenario.environment.issueClientCertificate('alice', []));
    const next = toOptions(await people.issue({ commonName: 'alice', usages: ['client'] }));
    const path = '/nodes/node-1/configz';
    assert.equal(await status(path, undefined, old), 200);
    assert.equal(await status(path, undefined, next), 401);
    await swap('client-ca', { 'ca.crt': people.certificate });
    await becomes(200, path, undefined, next);
    assert.equal(await status(path, undefined, old), 401);
    await ticker.ticks();
  });

  it('CA of the nodes, also for connections that are kept', async () => {
    const good = await content('pki/kubelet-ca.crt');
    const path = '/nodes/node-2/configz';
    assert.equal(await status(path, alice), 200);
    const other = await createAuthority('next kubelet CA');
    await swap('kubelet-ca', { 'ca.crt': other.certificate });
    await becomes(502, path, alice);
    await ticker.ticks();
    // As it is done: both, until every node has its new certificate.
    await swap('kubelet-ca', { 'ca.crt': other.certificate + good });
    await becomes(200, path, alice);
    await ticker.ticks();
  });

  it('key of an issuer', async () => {
    const next = await createSigningKey('second');
    const path = '/nodes/node-1/configz';
    assert.equal(await status(path, await signed(next)), 401);
    issuer.publish([next.jwk, key.jwk]);
    await becomes(200, path, await signed(next));
    assert.equal(await status(path, await signed(key)), 200);
    await ticker.ticks();
  });

  it('set of rights', async () => {
    const bob = await scenario.environment.issueToken('bob');
    const path = '/nodes/node-1/metrics';
    assert.equal(await status(path, bob), 200);
    const authentication = await content('mounted/access/authentication.yaml');
    const rbac = await content('mounted/access/rbac.yaml');
    await swap('access', {
      'rbac.yaml': rbac.replace('name: bob }', 'name: nobody }'),
      'authentication.yaml': authentication,
    });
    await becomes(403, path, bob);
    await ticker.ticks();
  });
});

// At the same time: files of credentials are looked at every five seconds.
describe('without a reload there is another', { concurrency: true }, () => {
  it('credential, for connections that are kept too', async () => {
    const path = '/nodes/node-1/configz';
    const node = scenario.environment.kubelets.get('node-1');
    assert.equal(await status(path, alice), 200);
    const lastUser = (): string | undefined =>
      node?.requests.findLast(({ target }) => target.startsWith('/configz'))?.user?.name;
    assert.equal(lastUser(), 'gateway-operator:node-1');
    await swap('operator', {
      'tls.crt': await content('pki/node-1-reader.crt'),
      'tls.key': await content('pki/node-1-reader.key'),
    });
    // The reader may not read configz, and the node says so.
    await becomes(502, path, alice);
    assert.equal(lastUser(), 'gateway-reader:node-1');
    await swap('operator', {
      'tls.crt': await content('pki/node-1-operator.crt'),
      'tls.key': await content('pki/node-1-operator.key'),
    });
    await becomes(200, path, alice);
    await ticker.ticks();
  });

  it("authority of users' certificates, and what the old one has signed is used no more", async () => {
    const path = '/nodes/node-3/configz';
    const token = await signed(key);
    const node = scenario.environment.kubelets.get('node-3');
    assert.equal(await status(path, token), 200);
    assert.deepEqual(node?.requests.at(-1)?.user, { name: 'alice', groups: ['sre', 'system:authenticated'] });
    const other = await createAuthority('next minting CA');
    await swap('minting', { 'tls.crt': other.certificate, 'tls.key': other.key });
    // The nodes do not know it yet.
    await becomes(502, path, token);
    await swap('minting', {
      'tls.crt': await content('pki/kubelet-users.crt'),
      'tls.key': await content('pki/kubelet-users.key'),
    });
    await becomes(200, path, token);
    await ticker.ticks();
  });

  const gauge = async (): Promise<string | undefined> => {
    const response = await fetch(`http://127.0.0.1:${scenario.environment.adminPort}/metrics`);
    return /credential_stale\{credential="spare"\} (\d)/.exec(await response.text())?.[1];
  };

  it('file of none at all: a gauge says so, until the credential is configured no more', async () => {
    assert.equal(await status('/nodes/node-1/flagz', alice), 200);
    assert.equal(await gauge(), '0');
    await swap('spare', { 'tls.crt': '' });
    await eventually('a stale credential', async () => {
      assert.equal(await status('/nodes/node-1/flagz', alice), 200, 'the last good one is used');
      return (await gauge()) === '1' ? true : undefined;
    });
    const yaml = await content('gateway.yaml');
    await writeFile(
      file('gateway.yaml'),
      yaml.replace(/ {2}- \{ name: spare.*\n/, '').replace(/ {2}- \{ credential: spare.*\n/, ''),
    );
    await eventually('no stale credential', async () => ((await gauge()) === '0' ? true : undefined));
    assert.equal(await status('/nodes/node-1/flagz', alice), 200, 'by the next rule');
    await ticker.ticks();
  });
});
