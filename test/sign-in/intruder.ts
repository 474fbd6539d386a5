// What a page in the person's browser may try at the loopback port before the person has signed in. Its arguments: the
// person's program, the address of the login, and the file for what was answered.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';

const [, , person = '', start = '', seen = ''] = process.argv;
const callback = new URL(new URL(start).searchParams.get('redirect_uri') ?? '');

const attempt = (
  what: string,
  path: string,
  { method = 'GET', host = callback.host } = {},
): Promise<string> =>
  new Promise((resolve, reject) => {
    request({ host: callback.hostname, port: callback.port, path, method, headers: { host } }, (response) => {
      response.resume();
      resolve(`${what} ${String(response.statusCode)}`);
    })
      .once('error', reject)
      .end();
  });

const state = new URL(start).searchParams.get('state') ?? '';
const answers = [
  await attempt('no state', '/callback?code=stolen'),
  await attempt('a wrong state', '/callback?code=stolen&state=guessed'),
  await attempt('another path', `/callback/x?code=stolen&state=${state}`),
  await attempt('another host', `/callback?code=stolen&state=${state}`, { host: 'evil.example' }),
  await attempt('a POST', `/callback?code=stolen&state=${state}`, { method: 'POST' }),
];
writeFileSync(seen, answers.join('\n'));
process.exitCode = spawnSync(process.execPath, [person, start]).status ?? 1;
