// The scenarios that any Kubernetes cluster must pass with the gateway: reviews, tokens, certificates, watches, and a
// kubectl through the whole gateway to a kubelet. The same file runs against the tests' own doubles and a real cluster.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Cluster } from './cluster.ts';
import { systemClock } from '../../src/core/ports.ts';
import { Secret } from '../../src/core/secret.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import { createIssuingClient } from '../../src/kube/issuing-client.ts';
import { follow } from '../../src/kube/watch/follow.ts';
import { createSigningRequest, generateKeys } from '../../src/pki/mint.ts';
import { eventually } from '../support/eventually.ts';
import { clusterRole, clusterRoleBinding, CLIENT_SIGNER, USER_ACCOUNT } from './cluster.ts';
import { defineGatewayScenario } from './gateway-scenario.ts';

export const AUDIENCE = 'kubelet-gateway';

/** `start` is called once, before the first scenario. */
export function defineClusterScenarios(name: string, start: () => Promise<Cluster>): void {
  describe(name, () => {
    let cluster: Cluster;
    before(async () => {
      cluster = await start();
    });
    after(() => cluster.close());

    describe('SubjectAccessReview', () => defineReviews(() => cluster));
    describe('TokenRequest and TokenReview', () => defineTokens(() => cluster));
    describe('CertificateSigningRequest', () => defineCertificates(() => cluster));
    describe('a watch', () => defineWatch(() => cluster));
    describe('kubectl through the gateway', () => defineGatewayScenario(() => cluster));
  });
}

const signal = (): AbortSignal => AbortSignal.timeout(30_000);

function defineReviews(cluster: () => Cluster): void {
  it('answers by the roles that there are, and no more when they are gone', async () => {
    const { gateway, namespace } = cluster();
    const client = createKubeClient({ clock: systemClock }, gateway);
    const user = `ann-${namespace}`;
    const ask = async (verb: string, subresource: string): Promise<boolean> => {
      const resourceAttributes = {
        verb,
        group: '',
        version: 'v1',
        resource: 'nodes',
        subresource,
        name: 'any-node',
        namespace: '',
      };
      const spec = { user, uid: '', groups: ['system:authenticated'], extra: {}, resourceAttributes };
      const { allowed, denied } = await client.createSubjectAccessReview(spec, signal());
      return allowed && denied !== true;
    };
    try {
      assert.equal(await ask('get', 'metrics'), false);
      const role = clusterRole(`${namespace}-metrics`, [
        { apiGroups: [''], resources: ['nodes/metrics'], verbs: ['get'] },
      ]);
      const binding = clusterRoleBinding(`${namespace}-metrics`, role.metadata.name, {
        kind: 'User',
        name: user,
      });
      await cluster().create(role);
      await cluster().create(binding);
      // An authorizer of an API server sees new roles by a watch of its own.
      await eventually('the right', async () => ((await ask('get', 'metrics')) ? true : undefined));
      assert.equal(await ask('create', 'metrics'), false);
      assert.equal(await ask('get', 'proxy'), false);
      await cluster().remove(binding);
      await eventually('no right', async () => ((await ask('get', 'metrics')) ? undefined : true));
    } finally {
      client.close();
    }
  });
}

function defineTokens(cluster: () => Cluster): void {
  it('make a token that is good for its audience and no other', async () => {
    const { gateway, namespace } = cluster();
    const issuing = createIssuingClient({ clock: systemClock }, gateway);
    const reviewing = createKubeClient({ clock: systemClock }, gateway);
    const review = (token: string, audience: string) =>
      reviewing.createTokenReview({ token: new Secret(token), audiences: [audience] }, signal());
    try {
      const spec = { namespace, serviceAccount: USER_ACCOUNT, audiences: [AUDIENCE], expirationSeconds: 600 };
      const { token, expiresAt } = await issuing.requestToken(spec, signal());
      const leftS = (expiresAt - Date.now()) / 1000;
      assert.ok(leftS > 500 && leftS < 3700, `${leftS} s`);
      const good = await review(token.reveal(), AUDIENCE);
      assert.ok(good.authenticated);
      assert.equal(good.user.username, `system:serviceaccount:${namespace}:${USER_ACCOUNT}`);
      assert.ok(good.user.groups.includes(`system:serviceaccounts:${namespace}`));
      assert.deepEqual(good.audiences, [AUDIENCE]);
      assert.equal((await review(token.reveal(), 'somebody-else')).authenticated, false);
      assert.equal((await review(`${token.reveal().slice(0, -8)}AAAAAAAA`, AUDIENCE)).authenticated, false);
      assert.equal((await review('opaque', AUDIENCE)).authenticated, false);
    } finally {
      issuing.close();
      reviewing.close();
    }
  });

  it('tell why there is no token', async () => {
    const { gateway, namespace } = cluster();
    const issuing = createIssuingClient({ clock: systemClock }, gateway);
    const spec = { namespace, serviceAccount: 'nobody', audiences: [], expirationSeconds: 600 };
    await assert.rejects(issuing.requestToken(spec, signal()), /TokenRequest: HTTP 404/);
    issuing.close();
  });
}

function defineCertificates(cluster: () => Cluster): void {
  it('gives a certificate of the name that was asked for', async (t) => {
    if (!cluster().signs) {
      t.skip('nobody signs certificates in this cluster: there is no kube-controller-manager');
      return;
    }
    const { gateway, namespace } = cluster();
    const issuing = createIssuingClient({ clock: systemClock }, gateway);
    const subject = { commonName: `ann-${namespace}`, organizations: ['team-a', 'team-b'] };
    const keys = await generateKeys('P-256');
    const request = await createSigningRequest(subject, keys, 'P-256');
    const spec = { request, signerName: CLIENT_SIGNER, expirationSeconds: 600 };
    const pem = await issuing.requestCertificate(spec, true, signal());
    issuing.close();
    const leaf = new X509Certificate(pem);
    assert.match(leaf.subject, new RegExp(`CN=${subject.commonName}`));
    assert.match(leaf.subject, /O=team-a/);
    assert.match(leaf.subject, /O=team-b/);
    const leftS = (leaf.validToDate.getTime() - Date.now()) / 1000;
    assert.ok(leftS > 0 && leftS < 3700, `${leftS} s`);
  });
}

function defineWatch(cluster: () => Cluster): void {
  it('tells of what is there, what comes and what goes', async () => {
    const { gateway, namespace } = cluster();
    const own = (name: string): string => `${namespace}-watched-${name}`;
    const there = clusterRole(own('there'), []);
    await cluster().create(there);
    const names = new Set<string>();
    let listed = false;
    const watching = follow(
      { clock: systemClock },
      gateway,
      {
        listed: (items) => {
          listed = true;
          names.clear();
          for (const name of items) names.add(name);
        },
        changed: (name) => void names.add(name),
        removed: (name) => void names.delete(name),
        connected: () => undefined,
        disconnected: () => undefined,
        unreadable: (error) => assert.fail(String(error)),
      },
      { path: '/apis/rbac.authorization.k8s.io/v1/clusterroles', decode: toName, pageSize: 10 },
    );
    try {
      await eventually('the list', () => (listed ? true : undefined));
      assert.ok(names.has(own('there')));
      const later = clusterRole(own('later'), []);
      await cluster().create(later);
      await eventually('what came', () => (names.has(own('later')) ? true : undefined));
      await cluster().remove(later);
      await cluster().remove(there);
      await eventually('what went', () =>
        names.has(own('later')) || names.has(own('there')) ? undefined : true,
      );
    } finally {
      watching.stop();
    }
  });
}

function toName(object: unknown): string {
  const { metadata } = object as { readonly metadata: { readonly name: string } };
  return metadata.name;
}
