// S29, after a console that kept one user's credential for the next: with certificates of users' own, every request reaches
// the node under the name of who sent it, however names are spelled, requests interleaved and connections kept; nobody
// comes as a part of the system; and what the kubelet itself refuses is refused.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RecordedRequest } from '../../demo/kubelet/exchange.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { RawClient, SPDY, WEBSOCKET, ask, bearer, head } from '../support/raw-client.ts';
import { startScenario } from '../support/scenario.ts';

interface Person {
  readonly name: string;
  readonly groups: readonly string[];
  readonly cert: string;
  readonly key: string;
}

let scenario: Scenario;
const ROLES = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: everybody }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: node-operator }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: Group, name: sre }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: nobody-to-the-kubelet }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: node-operator }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: Group, name: dev }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: exec, namespace: default }
rules: [{ apiGroups: [""], resources: ["pods/exec"], verbs: ["create"] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: exec, namespace: default }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: exec }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: User, name: podster }]
`;

before(async () => {
  scenario = await startScenario({
    files: { 'more-rbac.yaml': ROLES },
    configure: (yaml) => {
      const issuer = /issuer: "([^"]+)"/.exec(yaml)?.[1];
      assert.ok(issuer !== undefined, yaml);
      const source =
        '  - { name: person, userCertificate: { authority: { certificateFile: pki/kubelet-users.crt, ' +
        `privateKeyFile: pki/kubelet-users.key }, issuers: ["${issuer}"], clientCertificateUsers: true } }\n`;
      return yaml
        .replace(
          'credentialMappings:\n',
          `${source}credentialMappings:\n  - { credential: person, nodes: [node-1] }\n`,
        )
        .replace('rbac.yaml', 'rbac.yaml, more-rbac.yaml')
        .replace(
          '  - { credential: operator }\n',
          '  - { credential: operator, nodes: [node-1, node-2] }\n  - { credential: person, nodes: [node-3] }\n',
        );
    },
  });
});
after(() => closeAll(scenario));

const person = async (name: string, ...groups: readonly string[]): Promise<Person> => {
  const { certificate, key } = await scenario.environment.issueClientCertificate(name, groups);
  return { name, groups, cert: certificate, key };
};
const requests = (node = 'node-1'): readonly RecordedRequest[] =>
  scenario.environment.kubelets.get(node)?.requests ?? [];
const seen = (marker: string): RecordedRequest | undefined =>
  requests().find(({ target }) => target.includes(marker));

const LOGS = '/nodes/node-1/containerLogs/default/web/web?tailLines=';
const EXEC = (node: string): string => `/nodes/${node}/exec/default/shell/shell?command=id&output=1`;

describe('a node that people reach as themselves', () => {
  it('sees the person of a token, on plain requests and upgrades alike', async () => {
    const alice = await scenario.environment.issueToken('alice');
    assert.equal((await ask(scenario, head('GET', `${LOGS}1`, bearer(alice)))).code, 200);
    assert.deepEqual(seen('tailLines=1')?.user, {
      name: 'alice',
      groups: ['sre', 'system:authenticated'],
    });
    for (const [method, lines] of [
      ['GET', WEBSOCKET],
      ['POST', SPDY],
    ] as const) {
      const client = await RawClient.open(scenario);
      client.send(head(method, EXEC('node-1'), bearer(alice), ...lines));
      assert.equal((await client.readHead()).code, 101);
      client.destroy();
      assert.equal(requests().at(-1)?.user?.name, 'alice');
    }
  });

  it('sees each person under their own name, whatever separators are in it, and however they interleave', async () => {
    const people = await Promise.all([
      person('a', 'sre'),
      person('a', 'sre', 'b'),
      person('a', 'sre', 'b,c'),
      person('a,b', 'sre'),
      person('a, O=b', 'sre'),
      person('a+O=b', 'sre'),
      person('a","b', 'sre'),
      person('a/CN=b', 'sre'),
      person('A', 'sre'),
      person('a=b', 'sre', 'O=sre'),
    ]);
    const clients = await Promise.all(people.map(({ cert, key }) => RawClient.open(scenario, { cert, key })));
    const sent: (readonly [string, Person])[] = [];
    let marker = 1000;
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(
        clients.map(async (client, i) => {
          const who = people[i];
          assert.ok(who);
          marker += 1;
          sent.push([`tailLines=${marker}`, who]);
          client.send(head('GET', `${LOGS}${marker}`));
          assert.equal((await client.readAnswer()).code, 200);
        }),
      );
    }
    for (const client of clients) client.destroy();
    for (const [text, { name, groups }] of sent) {
      const user = seen(text)?.user;
      assert.ok(user, text);
      assert.equal(user.name, name, text);
      assert.deepEqual([...user.groups].sort(), [...groups, 'system:authenticated'].sort(), text);
    }
  });

  it('sees nobody who would be a part of the system', async () => {
    for (const [name, ...groups] of [
      ['system:admin', 'sre'],
      ['system:node:node-1', 'system:nodes', 'sre'],
      ['mallory', 'sre', 'system:masters'],
    ] as const) {
      const { cert, key } = await person(name, ...groups);
      const before = requests().length;
      const refused = await ask(scenario, head('GET', `${LOGS}2`), { cert, key });
      assert.equal(refused.code, 403, refused.body);
      assert.match(refused.body, /no certificate can be made for User .*begins with system:/);
      assert.equal(requests().length, before, 'and no other credential is used instead');
    }
  });

  it('refuses by itself what the gateway has allowed, and the person is told so', async () => {
    const { cert, key } = await person('dora', 'dev');
    const refused = await ask(scenario, head('GET', `${LOGS}3`), { cert, key });
    assert.equal(refused.code, 403, refused.body);
    assert.match(refused.body, /the node itself does not allow this to User \\"dora\\"/);
    const upgrade = await ask(scenario, head('GET', EXEC('node-1'), ...WEBSOCKET), { cert, key });
    assert.equal(upgrade.code, 403, upgrade.body);
    assert.match(upgrade.body, /the node itself does not allow this to User \\"dora\\"/);
  });
});

describe('a right on pods', () => {
  it('is carried out with a credential of the gateway where there is one', async () => {
    const { cert, key } = await person('podster');
    const client = await RawClient.open(scenario, { cert, key });
    client.send(head('GET', EXEC('node-1'), ...WEBSOCKET));
    assert.equal((await client.readHead()).code, 101);
    client.destroy();
    assert.equal(requests().at(-1)?.user?.name, 'gateway-operator:node-1');
  });

  it('is refused in words where there is none', async () => {
    const { cert, key } = await person('podster');
    const before = requests('node-3').length;
    const refused = await ask(scenario, head('GET', EXEC('node-3'), ...WEBSOCKET), { cert, key });
    assert.equal(refused.code, 403, refused.body);
    assert.match(refused.body, /the right to it is on pods\/exec, and a kubelet knows rights on nodes only/);
    assert.equal(requests('node-3').length, before);
  });
});
