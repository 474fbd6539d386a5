// npm run bench: the gateway with everything on, beside haproxy, nginx and a bare relay, all on loopback and in one run.
//
//   --quick   a minute and a half: fewer and shorter rounds, no crowds, small streams
//   --only    requests | crowds | streams | recorded | decisions
//
// Results go to bench/results/ as JSON, Markdown and SVG.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureDecisions } from './decisions.ts';
import { needTools } from './load/tools.ts';
import { startHaproxy, startNginx } from './proxies/established.ts';
import { startGateway } from './proxies/gateway.ts';
import type { Ground } from './proxies/ground.ts';
import { startGround } from './proxies/ground.ts';
import type { Identity } from './proxies/identity.ts';
import { startIdentity } from './proxies/identity.ts';
import type { Proxy } from './proxies/proxy.ts';
import { startRelay } from './proxies/relay.ts';
import { toBars } from './report/bars.ts';
import { describeMachine } from './report/machine.ts';
import type { StartFigures, StreamFigure } from './report/results.ts';
import { saveResults } from './report/save.ts';
import type { Scenario } from './scenarios.ts';
import {
  measureCrowds,
  measureNewConnections,
  measureOneClient,
  measureSizes,
  measureStarts,
} from './scenarios.ts';
import { measureRecorded } from './streams/recorded.ts';
import { measureStreams } from './streams/streams.ts';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
});
const mode = values.quick ? 'quick' : 'full';
const options = values.quick
  ? { rounds: 3, seconds: 1, warmUpSeconds: 3 }
  : { rounds: 7, seconds: 2, warmUpSeconds: 20 };
const wants = (part: string): boolean => values.only === undefined || values.only === part;
const STARTS = 5;
const BUILD = fileURLToPath(new URL('../scripts/build.ts', import.meta.url));
const BUILT = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const RESULTS = fileURLToPath(new URL('results/', import.meta.url));

needTools(['wrk', 'nginx', 'haproxy']);
const machine = describeMachine();
const ground = await startGround();
const identity = await startIdentity();
try {
  const scenarios: Scenario[] = [];
  let start: StartFigures | undefined;
  if (wants('requests')) {
    start = await measureStart(ground, identity);
    scenarios.push(...(await measureRequests(ground, identity)));
  }
  if (mode === 'full' && wants('crowds')) {
    console.log('crowds');
    scenarios.push(...(await measureCrowds(ground, identity, options)));
  }
  const streams: StreamFigure[] = [];
  if (wants('decisions')) {
    console.log('decisions');
    streams.push(...(await measureDecisions(ground, startIdentity)));
  }
  if (wants('streams')) {
    console.log('streams');
    streams.push(...(await measureStreams(ground, identity, mode)));
  }
  if (wants('recorded')) {
    console.log('recorded sessions');
    streams.push(...(await measureRecorded(ground, identity, mode)));
  }
  const name = values.only === undefined ? mode : `${mode}-${values.only}`;
  saveResults(RESULTS, name, {
    date: new Date().toISOString(),
    mode,
    rounds: options.rounds,
    secondsEach: options.seconds,
    machine,
    ...(start === undefined ? {} : { start }),
    scenarios,
    streams,
    bars: toBars(scenarios, streams, start),
  });
} finally {
  await identity.stop();
  await ground.stop();
}

async function measureStart(on: Ground, by: Identity): Promise<StartFigures> {
  execFileSync(process.execPath, [BUILD], { stdio: 'inherit' });
  const starts = values.quick ? 1 : STARTS;
  return {
    builtMs: await measureStarts(on, by, starts, BUILT),
    sourceMs: await measureStarts(on, by, starts),
  };
}

async function measureRequests(on: Ground, by: Identity): Promise<readonly Scenario[]> {
  const proxies: Proxy[] = [];
  try {
    const gateway = await startGateway(on, by);
    const relays = (['undici', 'own'] as const).map((of) => startRelay(on, on.nodePort, of));
    proxies.push(await startRelay(on), gateway, ...(await Promise.all(relays)));
    proxies.push(await startHaproxy(on), await startNginx(on));
    // The same bytes to everybody: who does not read the token passes it on.
    const asked = proxies.map((proxy) => ({ ...proxy, token: gateway.token }));
    console.log('answers of three sizes');
    const scenarios: Scenario[] = [...(await measureSizes(asked, options))];
    const warm = {
      ...options,
      rounds: values.quick ? 1 : options.rounds,
      warmUpSeconds: values.quick ? 0 : 1,
    };
    console.log('new connections, one client');
    scenarios.push(await measureNewConnections(asked, warm));
    scenarios.push(await measureOneClient(on, asked, warm));
    return scenarios;
  } finally {
    for (const proxy of proxies) await proxy.stop();
  }
}
