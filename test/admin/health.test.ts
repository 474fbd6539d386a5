// The health endpoints' text, as a Kubernetes API server writes it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HealthCheck, HealthEndpoint } from '../../src/admin/health.ts';
import { createHealth } from '../../src/admin/health.ts';
import { createKeptLog } from '../support/kept-log.ts';

const SECRET = 'cannot write /var/log/audit.log';
const bad = (): string => SECRET;
const good = (): undefined => undefined;

const AUDIT: HealthCheck = { name: 'audit', check: good };
const BROKEN: HealthCheck = { name: 'audit', check: bad };
const NOT_READY: HealthCheck = { name: 'serving', check: bad, readyOnly: true };
const THROWS: HealthCheck = {
  name: 'odd',
  check: () => {
    throw new Error(SECRET);
  },
};

const rows: readonly [
  checks: readonly HealthCheck[],
  endpoint: HealthEndpoint,
  query: string,
  status: number,
  body: string,
][] = [
  [[], 'livez', '', 200, 'ok'],
  [[AUDIT], 'readyz', '', 200, 'ok'],
  [[AUDIT], 'readyz', 'verbose', 200, '[+]ping ok\n[+]audit ok\nreadyz check passed\n'],
  [
    [AUDIT],
    'healthz',
    'verbose=1&exclude=audit',
    200,
    '[+]ping ok\n[+]audit excluded: ok\nhealthz check passed\n',
  ],
  [[BROKEN], 'livez', '', 500, '[+]ping ok\n[-]audit failed: reason withheld\nlivez check failed\n'],
  [[BROKEN], 'livez', 'exclude=audit', 200, 'ok'],
  [[THROWS], 'healthz', '', 500, '[+]ping ok\n[-]odd failed: reason withheld\nhealthz check failed\n'],
  [[NOT_READY], 'livez', 'verbose', 200, '[+]ping ok\nlivez check passed\n'],
  [[NOT_READY], 'healthz', '', 200, 'ok'],
  [[NOT_READY], 'readyz', '', 500, '[+]ping ok\n[-]serving failed: reason withheld\nreadyz check failed\n'],
  [[NOT_READY], 'readyz', 'exclude=serving&exclude=ping', 200, 'ok'],
  [[], 'livez', 'verbose&exclude=', 200, '[+]ping ok\nlivez check passed\n'],
  [
    [],
    'livez',
    'verbose&exclude=etcd&exclude=%0a%22',
    200,
    '[+]ping ok\nwarn: some health checks cannot be excluded: no matches for "etcd", "\\n\\""\nlivez check passed\n',
  ],
];

describe('a health endpoint', () => {
  for (const [checks, endpoint, query, status, body] of rows) {
    it(`/${endpoint}?${query} with ${checks.map(({ name }) => name).join() || 'no checks'}: ${status}`, () => {
      const health = createHealth({ log: createKeptLog() }, checks);
      assert.deepEqual(health(endpoint, new URLSearchParams(query)), { status, body });
    });
  }

  it('tells the log, and only the log, what is wrong, once', () => {
    const log = createKeptLog();
    let problem: string | undefined = SECRET;
    const health = createHealth({ log }, [{ name: 'audit', check: () => problem }]);
    for (let i = 0; i < 3; i += 1) {
      assert.ok(!health('livez', new URLSearchParams('verbose')).body.includes(SECRET));
    }
    problem = undefined;
    health('livez', new URLSearchParams());
    assert.deepEqual(
      log.lines.map(({ level, fields }) => [level, fields]),
      [
        ['warn', { check: 'audit', problem: SECRET }],
        ['info', { check: 'audit' }],
      ],
    );
  });
});
