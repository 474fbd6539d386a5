// A real Prometheus with the configuration and the alert rules that are shipped: it finds the nodes through the gateway,
// scrapes them with one bearer token, and understands every rule.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { closeAll } from '../support/close-all.ts';
import type { Prometheus } from '../support/prometheus.ts';
import { PROMETHEUS_MISSING, findPrometheus, startPrometheus } from '../support/prometheus.ts';
import type { Scenario } from '../support/scenario.ts';
import { eventually, run, startScenario } from '../support/scenario.ts';

const SCRAPING = new URL('../../config/prometheus.yaml', import.meta.url);
const ALERTS = fileURLToPath(new URL('../../deploy/monitoring/alerts.yaml', import.meta.url));
/** Where config/prometheus.yaml says that token and authority are, and the gateway. */
const FILES = '/etc/prometheus/kubelet-gateway';
const GATEWAY = 'https://gateway.example.org:8443';
const JOBS = ['cadvisor', 'kubelet', 'kubelet-resource'];
const NODES = ['node-1', 'node-2', 'node-3'];

const { isInstalled, required } = findPrometheus(process.env);

it('there is a Prometheus', { skip: !isInstalled && !required ? PROMETHEUS_MISSING : false }, () => {
  assert.ok(isInstalled, PROMETHEUS_MISSING);
});

describe('Prometheus', { skip: !isInstalled }, () => {
  let scenario: Scenario;
  let prometheus: Prometheus;
  let configurationFile: string;
  before(async () => {
    scenario = await startScenario();
    const { environment } = scenario;
    const folder = join(environment.directory, 'prometheus');
    await mkdir(folder);
    await writeFile(join(folder, 'token'), await environment.issueToken('bob', 600), { mode: 0o600 });
    await writeFile(join(folder, 'ca.crt'), environment.certificateAuthority);
    const shipped = await readFile(SCRAPING, 'utf8');
    const scraping = shipped
      .replaceAll(FILES, folder)
      .replaceAll(GATEWAY, scenario.url)
      .replaceAll('refresh_interval: 1m', 'refresh_interval: 1s');
    assert.ok(!scraping.includes('example.org'));
    configurationFile = join(folder, 'prometheus.yaml');
    await writeFile(
      configurationFile,
      `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [${ALERTS}]
${scraping}
  - job_name: kubelet-gateway
    static_configs: [{ targets: ["127.0.0.1:${environment.adminPort}"] }]
`,
    );
    prometheus = await startPrometheus(configurationFile, join(folder, 'data'));
  });
  after(() => closeAll(scenario, prometheus));

  it('accepts the configuration and the rules', async () => {
    const { code, stdout, stderr } = await run('promtool', ['check', 'config', configurationFile]);
    assert.equal(code, 0, stdout.toString() + stderr);
    assert.match(stdout.toString(), /SUCCESS: \d+ rules found/);
  });

  it('scrapes every node through the gateway, in all jobs', async () => {
    const wanted = JOBS.flatMap((job) => NODES.map((node) => `${job} ${node} up`)).sort();
    let seen: readonly string[] = [];
    await eventually('all targets', async () => {
      seen = toTargets(await prometheus.api('targets'));
      return wanted.every((target) => seen.includes(target)) ? true : undefined;
    }).catch(() => assert.deepEqual(seen, wanted));
    const running = await eventually('a figure of each node', async () => {
      const samples = toSamples(await prometheus.api('query?query=kubelet_running_pods'));
      return samples.length === NODES.length ? samples : undefined;
    });
    assert.deepEqual(running.map(({ metric }) => metric['instance']).sort(), NODES);
    // Nothing but the gateway was asked, and as whom it says.
    const events = await scenario.auditEvents();
    assert.ok(
      events.some(({ requestURI, user }) => requestURI === '/sd/prometheus' && user.username === 'bob'),
    );
  });

  it('evaluates every alert rule on the metrics of the gateway, and none is pending at rest', async () => {
    await eventually('the metrics that the rules ask for', async () =>
      toSamples(await prometheus.api('query?query=kubelet_gateway_requests_total')).length > 0
        ? true
        : undefined,
    );
    let restless: readonly Rule[] = [];
    await eventually('an evaluation of all', async () => {
      const rules = toRules(await prometheus.api('rules'));
      restless = rules.filter(({ health, state }) => health !== 'ok' || state !== 'inactive');
      return rules.length > 0 && restless.length === 0 ? true : undefined;
    }).catch(() => assert.deepEqual(restless, []));
  });
});

interface Target {
  readonly scrapePool: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly health: string;
}

const toTargets = (data: unknown): readonly string[] =>
  (data as { readonly activeTargets: readonly Target[] }).activeTargets
    .map(({ scrapePool, labels, health }) => `${scrapePool} ${labels['instance'] ?? ''} ${health}`)
    .sort();

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
}

const toSamples = (data: unknown): readonly Sample[] =>
  (data as { readonly result: readonly Sample[] }).result;

interface Rule {
  readonly name: string;
  readonly health: string;
  readonly state: string;
  readonly lastError?: string;
}

const toRules = (data: unknown): readonly Rule[] =>
  (data as { readonly groups: readonly { readonly rules: readonly Rule[] }[] }).groups.flatMap(
    ({ rules }) => rules,
  );
