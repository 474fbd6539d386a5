// The client of the admin API over real TLS, against servers that misbehave.

import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { AdminClient } from '../../../src/cli/admin/client.ts';
import { AdminError, createAdminClient } from '../../../src/cli/admin/client.ts';
import { CONNECTION_FLAGS, toConnection } from '../../../src/cli/admin/connection.ts';
import { printTable } from '../../../src/cli/admin/table.ts';
import { watchSession } from '../../../src/cli/sessions/watch.ts';
import { Secret } from '../../../src/core/secret.ts';
import { createAuthority } from '../../support/pki.ts';

async function start(t: TestContext, answer: RequestListener, trusted = true): Promise<AdminClient> {
  const authority = await createAuthority('admin');
  const { certificate, key } = await authority.issue({
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
    usages: ['server'],
  });
  const server = createServer({ cert: certificate, key }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = createAdminClient({
    server: `https://127.0.0.1:${port}/`,
    certificateAuthority: trusted ? authority.certificate : (await createAuthority('other')).certificate,
    credential: { kind: 'token', token: new Secret('t0k3n') },
  });
  t.after(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  return client;
}

const kept = () => {
  const said = { out: '', err: '' };
  return {
    said,
    out: (text: string) => void (said.out += text),
    err: (text: string) => void (said.err += text),
  };
};

describe('the client of the admin API', () => {
  it('sends its token and the path, and reads JSON', async (t) => {
    const client = await start(t, (request, response) => {
      response.end(JSON.stringify([request.method, request.url, request.headers.authorization]));
    });
    assert.deepEqual(await client.json({ path: '/a?b=c%20d', method: 'DELETE' }), [
      'DELETE',
      '/a?b=c%20d',
      'Bearer t0k3n',
    ]);
  });

  it('says what the gateway said, and nothing of it steers the terminal', async (t) => {
    const client = await start(t, (_request, response) => {
      response
        .writeHead(403)
        .end(JSON.stringify({ kind: 'Status', message: 'no \u001b]52;c;eA==\u0007 way' }));
    });
    await assert.rejects(client.json({ path: '/' }), (error) => {
      assert.ok(error instanceof AdminError);
      assert.deepEqual([error.code, error.message], [403, 'no \uFFFD]52;c;eA==\uFFFD way']);
      return true;
    });
  });

  it('follows no redirect', async (t) => {
    const client = await start(t, (_request, response) => {
      response.writeHead(307, { location: 'https://evil.example/' }).end();
    });
    await assert.rejects(client.json({ path: '/' }), { code: 307, message: 'the server answered 307' });
  });

  it('trusts no other certificate', async (t) => {
    const client = await start(t, (_request, response) => void response.end('{}'), false);
    await assert.rejects(client.json({ path: '/' }), { code: 0, message: /cannot be asked/ });
  });

  it('says when the answer is no JSON, or is cut off', async (t) => {
    const client = await start(t, (request, response) => {
      if (request.url === '/text') response.end('<html>');
      else {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{');
        setImmediate(() => response.destroy());
      }
    });
    await assert.rejects(client.json({ path: '/text' }), /is not JSON/);
    await assert.rejects(client.json({ path: '/cut' }), /cut off/);
  });
});

describe('watching a session', () => {
  const nothing = (): never => assert.fail('nobody has asked for what was before');
  const HEADER = `${JSON.stringify({ version: 3, title: 'alice: exec\u001b]0;x\u0007' })}\n`;

  it('shows what draws, on the right stream, and restores the screen', async (t) => {
    const client = await start(t, (_request, response) => {
      response.write(HEADER);
      response.write('[0,"o","\\u001b[31mred\\u001b]52;c;');
      response.end('eA==\\u0007!"]\n[0,"m","note \\u001b[c"]\n[0,"i","secret"]\n[0,"x","0"]\n');
    });
    const terminal = kept();
    assert.equal(await watchSession({ client, terminal, readBefore: nothing }, '/'), 0);
    assert.ok(terminal.said.out.startsWith('\u001b[31mred!'), JSON.stringify(terminal.said.out));
    assert.doesNotMatch(terminal.said.out, /52|secret/);
    assert.match(terminal.said.out, /\u001b\[\?1049l/);
    assert.doesNotMatch(terminal.said.err, /\u001b/);
    assert.match(terminal.said.err, /exit code 0/);
  });

  const CUT = `${JSON.stringify({ version: 3, title: '', kubeletGateway: { recorded: true, shownBefore: 9000 } })}\n[0,"m","of 9000 bytes"]\n[0,"o","tail"]\n[0,"o","new"]\n`;

  it('shows in place of the end of what was before what was drawn, and then what comes', async (t) => {
    const client = await start(t, (_request, response) => void response.end(CUT));
    const terminal = kept();
    const asked: number[] = [];
    const readBefore = (shown: number): Promise<string> => {
      asked.push(shown);
      return Promise.resolve('\u001b[2Jdrawn\u001b]52;c;eA==\u0007 ');
    };
    assert.equal(await watchSession({ client, terminal, readBefore }, '/'), 0);
    assert.deepEqual(asked, [9000]);
    assert.ok(terminal.said.out.startsWith('\u001b[2Jdrawn new'), JSON.stringify(terminal.said.out));
    assert.doesNotMatch(terminal.said.err, /9000/);
  });

  it('shows the end of what was before, in words, when the screen is not known', async (t) => {
    const client = await start(t, (_request, response) => void response.end(CUT));
    for (const [readBefore, words] of [
      [() => Promise.resolve(undefined), /^following \n\nof 9000 bytes\n/],
      [() => Promise.reject(new Error('no\u001bright')), /is not known: no.?right\n\nof 9000 bytes\n/],
    ] as const) {
      const terminal = kept();
      assert.equal(await watchSession({ client, terminal, readBefore }, '/'), 0);
      assert.equal(terminal.said.out, 'tailnew');
      assert.match(terminal.said.err, words);
      assert.doesNotMatch(terminal.said.err, /\u001b/);
    }
  });

  it('refuses what is no recording', async (t) => {
    const client = await start(t, (_request, response) => void response.end('hello\n'));
    await assert.rejects(
      watchSession({ client, terminal: kept(), readBefore: nothing }, '/'),
      /not a recording/,
    );
  });
});

describe('a table', () => {
  it('is printed in columns, wide when asked, and inert', () => {
    const table = {
      kind: 'Table',
      columnDefinitions: [
        { name: 'Id', priority: 0 },
        { name: 'User', priority: 0 },
        { name: 'Client', priority: 1 },
      ],
      rows: [{ cells: ['1', 'al\u001bice', 'x'] }, { cells: ['22', 'b', 'y'] }],
    };
    const narrow = kept();
    printTable(table, { wide: false }, narrow, '');
    assert.equal(narrow.said.out, 'ID   USER\n1    al\uFFFDice\n22   b\n');
    const wide = kept();
    printTable(table, { wide: true }, wide, '');
    assert.match(wide.said.out, /^ID {3}USER {5}CLIENT$/m);
    assert.throws(() => printTable({}, { wide: false }, kept(), ''), /not a table/);
  });
});

describe('the flags that say which gateway', () => {
  const refused = (flags: Record<string, string>, message: RegExp): Promise<void> =>
    assert.rejects(toConnection(flags), message);

  it('are refused when they are incomplete or contradict each other', async () => {
    assert.ok('server' in CONNECTION_FLAGS);
    await refused({}, /--server or --kubeconfig/);
    await refused({ server: 'http://x', 'token-file': 'x' }, /https/);
    await refused({ server: 'https://x' }, /--token-file, or --client-certificate/);
    await refused({ server: 'https://x', 'client-certificate': 'x' }, /is missing/);
    await refused({ server: 'https://x', 'token-file': 'x', 'client-key': 'y' }, /exclude/);
    await refused({ server: 'https://x', kubeconfig: 'x' }, /exclude/);
    await refused({ context: 'x' }, /needs --kubeconfig/);
    await refused(
      { server: 'https://x', 'token-file': 'x', 'certificate-authority': '/nowhere' },
      /cannot be read/,
    );
    await refused({ kubeconfig: '/nowhere' }, /cannot read/);
  });

  it('read a kubeconfig, and another context than the current one', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
    t.after(() => rm(folder, { recursive: true }));
    const file = join(folder, 'config');
    const entry = (name: string): string => `{ name: ${name}, context: { cluster: ${name}, user: u } }`;
    await writeFile(
      file,
      [
        'current-context: a',
        `contexts: [${entry('a')}, ${entry('b')}]`,
        'clusters: [{ name: a, cluster: { server: "https://a" } }, { name: b, cluster: { server: "https://b" } }]',
        'users: [{ name: u, user: { token: abc } }]',
      ].join('\n'),
    );
    assert.equal((await toConnection({ kubeconfig: file })).server, 'https://a');
    assert.equal((await toConnection({ kubeconfig: file, context: 'b' })).server, 'https://b');
    await refused({ kubeconfig: file, context: 'c' }, /no context of this name/);
  });
});
