// S33 for watches of the fleet: what clients do not read is held for them, in a room that all watches share. Somebody who
// opens many watches and reads none must not keep it from the others.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { connect } from 'node:tls';
import type { HostileKubelet } from '../support/hostile-kubelet.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { answer, startHostileKubelet } from '../support/hostile-kubelet.ts';
import { bearer, head } from '../support/raw-client.ts';
import { startScenario } from '../support/scenario.ts';

/** Of one user. What changes at once in what they watch is more than the shared room: 7 MB for each. */
const STALLED = 20;
const WATCH = '/api/v1/pods?watch=true&resourceVersion=0&fieldSelector=spec.nodeName%3Dnode-3';

const pods = (version: number): string =>
  JSON.stringify({
    kind: 'PodList',
    apiVersion: 'v1',
    metadata: {},
    items: Array.from({ length: 140 }, (_, index) => ({
      metadata: {
        name: `pod-${index}`,
        namespace: 'default',
        uid: `uid-${index}`,
        annotations: { x: 'x'.repeat(50_000) },
        labels: { version: String(version) },
      },
      spec: { nodeName: 'node-3' },
      status: { phase: 'Running' },
    })),
  });

let scenario: Scenario;
let node: HostileKubelet;
let version = 1;
before(async () => {
  node = await startHostileKubelet('node-3');
  node.script = (request, connection) =>
    connection.write(
      request.startsWith('GET /pods')
        ? answer('200 OK', pods(version), 'Content-Type: application/json')
        : answer('200 OK', 'ok'),
    );
  scenario = await startScenario({ configure: (yaml) => node.takePlaceOf(yaml, 'node-3') });
});
after(() => closeAll(scenario, node));

/** A client of a watch that keeps the end of what it reads: the whole is many megabytes. */
class Watcher {
  readonly socket: TLSSocket;
  tail = '';
  #look: () => void = () => undefined;

  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => this.#look());
    socket.on('data', (chunk: Buffer) => {
      this.tail = (this.tail + chunk.toString('latin1')).slice(-120_000);
      this.#look();
    });
  }

  /** Until it has said so, why it has ended, or nothing more. */
  async hears(enough: (tail: string) => boolean): Promise<string> {
    while (!this.socket.destroyed && !this.tail.includes('"type":"ERROR"') && !enough(this.tail))
      await new Promise<void>((resolve) => (this.#look = resolve));
    return this.tail;
  }
}

/** A watch that has begun. */
async function watch(user: 'alice' | 'bob'): Promise<Watcher> {
  const { certificateAuthority: ca, port } = scenario.environment;
  const token = await scenario.environment.issueToken(user);
  const socket = connect({ host: '127.0.0.1', port, ca });
  await once(socket, 'secureConnect');
  const watcher = new Watcher(socket);
  socket.write(head('GET', WATCH, bearer(token)));
  assert.match(await watcher.hears((tail) => tail.includes('\r\n\r\n')), /^HTTP\/1.1 200 /);
  return watcher;
}

const isTold = (asked: number) => (tail: string) =>
  tail.includes('"name":"pod-139"') && tail.includes(`"version":"${asked}"`);

it('watchers who read nothing do not take the room of those who read', async () => {
  const stalled: Watcher[] = [];
  for (let count = 0; count < STALLED; count += 1) {
    const watcher = await watch('bob');
    watcher.socket.pause();
    stalled.push(watcher);
  }
  // Told of each reading as the last of all.
  const reading = await watch('alice');
  assert.ok(isTold(1)(await reading.hears(isTold(1))));
  version = 2;
  const heard = await reading.hears(isTold(2));
  assert.ok(isTold(2)(heard), /"message":"[^"]*"/.exec(heard)?.[0]);
  // Who made way is told so, where it reads what was on its way to it; of equals the oldest makes way first.
  const words = await Promise.all(
    stalled.slice(0, 2).map(async (watcher) => {
      watcher.socket.resume();
      const tail = await watcher.hears(isTold(2));
      return /"message":"([^"]*)"/.exec(tail)?.[1] ?? '';
    }),
  );
  for (const { socket } of stalled) socket.destroy();
  assert.match(words.join('\n'), /most of it for those of this user: list again/);
  reading.socket.destroy();
});
