// Every metric of the catalog has a scenario that moves it, no label of one can grow without bound, and the reference
// page is the catalog's.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { Fault } from '../../../src/core/fault.ts';
import type { MetricKey } from '../../../src/observe/metrics/catalog.ts';
import { CATALOG } from '../../../src/observe/metrics/catalog.ts';
import type { Metrics } from '../../../src/observe/metrics/metrics.ts';
import { createMetrics } from '../../../src/observe/metrics/metrics.ts';
import { renderMetricsReference } from '../../../src/observe/metrics/reference.ts';
import { answered, execAction, received, resolved } from '../evidence.ts';

const refused = new Fault('Unauthorized', 'no credentials');

function exec(metrics: Metrics): ReturnType<Metrics['observer']> {
  const exchange = resolved({ action: execAction });
  const observation = metrics.observer(exchange);
  void observation.received(exchange);
  return observation;
}

interface Scenario {
  readonly what: string;
  readonly run: (metrics: Metrics) => void;
  /** Series without the common prefix, and its value afterwards. */
  readonly series: string;
  readonly value: number;
}

const SCENARIOS: Readonly<Record<MetricKey, readonly Scenario[]>> = {
  requests: [
    {
      what: 'an answered request',
      run: (metrics) => {
        const exchange = resolved({});
        const observation = metrics.observer(exchange);
        void observation.received(exchange);
        observation.started(200);
        observation.complete({ code: 200 });
      },
      series: 'requests_total{code="200",action="configz"}',
      value: 1,
    },
    {
      what: 'a refused request',
      run: (metrics) => {
        const observation = metrics.observer(received());
        void observation.received(received());
        observation.complete({ code: 401, fault: refused });
      },
      series: 'requests_total{code="401",action="unresolved"}',
      value: 1,
    },
    {
      what: "the gateway's own answer, ended by an error",
      run: (metrics) => {
        const observation = metrics.observer(answered('/version'));
        void observation.received(answered('/version'));
        observation.panic(new Error('x'), { code: 500 });
      },
      series: 'requests_total{code="500",action="gateway"}',
      value: 1,
    },
    {
      what: 'what was refused before it was an exchange',
      run: (metrics) => metrics.refused(431),
      series: 'requests_total{code="431",action="unresolved"}',
      value: 1,
    },
  ],
  requestDuration: [
    {
      what: 'a short request',
      run: (metrics) => {
        const exchange = resolved({});
        const observation = metrics.observer(exchange);
        void observation.received(exchange);
        observation.complete({ code: 200 });
      },
      series: 'request_duration_seconds_count{action="configz"}',
      value: 1,
    },
    {
      what: 'a long-running one is not in it',
      run: (metrics) => exec(metrics).complete({ code: 101 }),
      series: 'request_duration_seconds_count{action="exec"}',
      value: NaN,
    },
  ],
  activeStreams: [
    {
      what: 'a running exec',
      run: (metrics) => exec(metrics).started(101),
      series: 'active_streams{action="exec"}',
      value: 1,
    },
    {
      what: 'an exec that has ended',
      run: (metrics) => {
        const observation = exec(metrics);
        observation.started(101);
        observation.complete({ code: 101 });
      },
      series: 'active_streams{action="exec"}',
      value: 0,
    },
    {
      what: 'an exec that was refused',
      run: (metrics) => {
        const observation = exec(metrics);
        observation.started(404);
        observation.complete({ code: 404 });
      },
      series: 'active_streams{action="exec"}',
      value: NaN,
    },
  ],
  streamBytes: [
    {
      what: 'an exec that has ended',
      run: (metrics) => exec(metrics).complete({ code: 101, bytesSent: 3, bytesReceived: 70 }),
      series: 'stream_bytes_total{action="exec",direction="fromNode"}',
      value: 70,
    },
  ],
  cacheHits: [
    {
      what: 'a hit',
      run: ({ sar }) => sar.hit('allow'),
      series: 'authorization_cache_hits_total{decision="allow"}',
      value: 1,
    },
  ],
  cacheMisses: [
    {
      what: 'a miss and a joined question',
      run: ({ sar }) => {
        sar.miss();
        sar.joined();
      },
      series: 'authorization_cache_misses_total',
      value: 2,
    },
  ],
  subjectAccessReviews: [
    {
      what: 'a review',
      run: ({ sar }) => sar.reviewed('error', 12),
      series: 'subjectaccessreviews_total{result="error"}',
      value: 1,
    },
  ],
  subjectAccessReviewDuration: [
    {
      what: 'a review of 12 ms',
      run: ({ sar }) => sar.reviewed('deny', 12),
      series: 'subjectaccessreview_duration_seconds_sum{result="deny"}',
      value: 0.012,
    },
  ],
  upstreamTlsErrors: [
    {
      what: 'an expired certificate',
      run: (metrics) => metrics.upstreamTlsError('expired'),
      series: 'upstream_tls_errors_total{reason="expired"}',
      value: 1,
    },
    {
      what: 'nothing yet',
      run: () => undefined,
      series: 'upstream_tls_errors_total{reason="wrongName"}',
      value: 0,
    },
  ],
  cacheEntries: [
    {
      what: 'remembered decisions',
      run: (metrics) => metrics.sar.entries(5, 2, 1),
      series: 'authorization_cache_entries{kind="authorized"}',
      value: 5,
    },
  ],
  cacheForgotten: [
    {
      what: 'a right that was revoked',
      run: (metrics) => metrics.sar.forgotten(4),
      series: 'authorization_cache_forgotten_total',
      value: 4,
    },
  ],
  staleDecisions: [
    {
      what: 'an API server that is away',
      run: (metrics) => metrics.sar.stale(),
      series: 'authorization_stale_decisions_total',
      value: 1,
    },
  ],
  subjectAccessReviewsInFlight: [
    {
      what: 'reviews on their way',
      run: (metrics) => metrics.sar.entries(5, 2, 1),
      series: 'subjectaccessreviews_in_flight',
      value: 1,
    },
  ],
  rightsWatched: [
    {
      what: 'a watch on roles and bindings',
      run: (metrics) => metrics.rightsWatched(true),
      series: 'rights_watched',
      value: 1,
    },
  ],
  streamRechecks: [
    {
      what: 'a stream whose right is gone',
      run: (metrics) => metrics.streamRecheck('revoked'),
      series: 'stream_rechecks_total{result="revoked"}',
      value: 1,
    },
  ],
  tokenReviews: [
    {
      what: 'a token that is known',
      run: (metrics) => metrics.tokenReview.told('hit'),
      series: 'tokenreviews_total{result="hit"}',
      value: 1,
    },
  ],
  tokenReviewEntries: [
    {
      what: 'tokens that are remembered',
      run: (metrics) => metrics.tokenReview.entries(3, 2, 1),
      series: 'tokenreview_cache_entries{kind="refused"}',
      value: 2,
    },
  ],
  tokenReviewsInFlight: [
    {
      what: 'reviews of tokens on their way',
      run: (metrics) => metrics.tokenReview.entries(3, 2, 1),
      series: 'tokenreviews_in_flight',
      value: 1,
    },
  ],
  dialsRefused: [
    {
      what: 'a node at a loopback address',
      run: (metrics) => metrics.dialRefused('loopback'),
      series: 'dials_refused_total{reason="loopback"}',
      value: 1,
    },
  ],
  nodes: [
    {
      what: 'nodes that can be dialled',
      run: (metrics) => metrics.inventory.nodes(3, 1),
      series: 'nodes{state="usable"}',
      value: 3,
    },
    {
      what: 'a node that is left out',
      run: (metrics) => metrics.inventory.nodes(3, 1),
      series: 'nodes{state="leftOut"}',
      value: 1,
    },
  ],
  nodesCurrent: [
    {
      what: 'an API server that is away',
      run: (metrics) => metrics.inventory.current(false),
      series: 'nodes_current',
      value: 0,
    },
  ],
  podLookups: [
    {
      what: 'a pod whose place an API server told',
      run: (metrics) => metrics.podLookup('apiServer'),
      series: 'pod_lookups_total{result="apiServer"}',
      value: 1,
    },
  ],
  foreignPods: [
    {
      what: 'two pods of other nodes',
      run: (metrics) => metrics.foreignPods(2),
      series: 'foreign_pods_total',
      value: 2,
    },
  ],
  upstreamCredentialRejected: [
    {
      what: 'a 401 of a node',
      run: (metrics) => metrics.upstreamCredentialRejected(401),
      series: 'upstream_credential_rejected_total{code="401"}',
      value: 1,
    },
  ],
  auditEvents: [
    {
      what: 'two events',
      run: (metrics) => metrics.auditEvents('file', 2),
      series: 'audit_events_total{sink="file"}',
      value: 2,
    },
  ],
  auditErrors: [
    {
      what: 'an event that was not written',
      run: (metrics) => metrics.auditErrors('stdout', 1),
      series: 'audit_errors_total{sink="stdout"}',
      value: 1,
    },
  ],
  auditDropped: [
    { what: 'nothing yet', run: () => undefined, series: 'audit_dropped_total{sink="file"}', value: 0 },
    {
      what: 'a lost event',
      run: (metrics) => metrics.auditDropped('file', 1),
      series: 'audit_dropped_total{sink="file"}',
      value: 1,
    },
  ],
  auditCheckpoints: [
    {
      what: 'a checkpoint',
      run: (metrics) => metrics.auditCheckpoint(true),
      series: 'audit_checkpoints_total{result="success"}',
      value: 1,
    },
    {
      what: 'a signer that is away',
      run: (metrics) => metrics.auditCheckpoint(false),
      series: 'audit_checkpoints_total{result="failure"}',
      value: 1,
    },
  ],
  auditCheckpointSinkErrors: [
    {
      what: 'a second sink that fails',
      run: (metrics) => metrics.auditCheckpointSinkError(),
      series: 'audit_checkpoint_sink_errors_total',
      value: 1,
    },
  ],
  auditUnsigned: [
    {
      what: 'events without a checkpoint',
      run: (metrics) => metrics.auditUnsigned(12),
      series: 'audit_unsigned_events',
      value: 12,
    },
  ],
  recordings: [
    {
      what: 'a recording',
      run: (metrics) => metrics.recordingEnded('complete', 1200),
      series: 'session_recordings_total{state="complete"}',
      value: 1,
    },
  ],
  recordingBytes: [
    {
      what: 'a recording',
      run: (metrics) => metrics.recordingEnded('complete', 1200),
      series: 'session_recording_bytes_total',
      value: 1200,
    },
  ],
  recordingUploads: [
    {
      what: 'a segment that the object store took',
      run: (metrics) => metrics.recordingUploaded('stored'),
      series: 'session_recording_uploads_total{result="stored"}',
      value: 1,
    },
  ],
  recordingsWaiting: [
    {
      what: 'bytes that wait for the object store',
      run: (metrics) => metrics.recordingsWaiting(4096),
      series: 'session_recording_spool_bytes',
      value: 4096,
    },
  ],
  recordingsDeleted: [
    {
      what: 'a recording that is too old',
      run: (metrics) => metrics.recordingDeleted('age'),
      series: 'session_recordings_deleted_total{reason="age"}',
      value: 1,
    },
  ],
  configReloads: [
    {
      what: 'a reload that failed',
      run: (metrics) => metrics.configReload(false),
      series: 'config_reloads_total{result="failure"}',
      value: 1,
    },
  ],
  configLastReloadSuccessful: [
    { what: 'the start', run: () => undefined, series: 'config_last_reload_successful', value: 1 },
    {
      what: 'a reload that failed',
      run: (metrics) => metrics.configReload(false),
      series: 'config_last_reload_successful',
      value: 0,
    },
    {
      what: 'a reload that succeeded again',
      run: (metrics) => {
        metrics.configReload(false);
        metrics.configReload(true);
      },
      series: 'config_last_reload_successful',
      value: 1,
    },
  ],
  credentialStale: [
    {
      what: 'a credential whose files are gone',
      run: (metrics) => metrics.credentialStale('reader', true),
      series: 'credential_stale{credential="reader"}',
      value: 1,
    },
  ],
  jwksRefreshes: [
    {
      what: 'a fetch',
      run: (metrics) => metrics.jwksRefresh(true),
      series: 'jwks_refreshes_total{result="success"}',
      value: 1,
    },
  ],
  buildInfo: [{ what: 'the start', run: () => undefined, series: 'build_info{version="1.2.3"}', value: 1 }],
};

describe('metrics', () => {
  for (const [key, scenarios] of Object.entries(SCENARIOS)) {
    for (const { what, run, series, value } of scenarios) {
      it(`${key}: ${what}`, async () => {
        const metrics = createMetrics({ version: '1.2.3' });
        run(metrics);
        const { body, contentType } = await metrics.render();
        assert.match(contentType, /^text\/plain; version=0\.0\.4/);
        const start = `kubelet_gateway_${series} `;
        const line = body.split('\n').find((text) => text.startsWith(start));
        assert.equal(line === undefined ? NaN : Number(line.slice(start.length)), value);
      });
    }
  }
  it('include those of the process', async () => {
    const { body } = await createMetrics({ version: '1.2.3' }).render();
    assert.match(body, /^process_resident_memory_bytes \d+/m);
  });
});

/** All label names there are. A new one is a decision: nothing of a user, nothing that a client makes up. */
const LABELS = [
  'state',
  'kind',
  'code',
  'action',
  'direction',
  'decision',
  'result',
  'reason',
  'sink',
  'credential',
  'version',
];

describe('the catalog', () => {
  for (const [key, { name, help, labels, type }] of Object.entries(CATALOG)) {
    it(`${key} follows the naming rules`, () => {
      assert.match(name, /^kubelet_gateway_[a-z_]+$/);
      assert.equal(name.endsWith('_total'), type === 'counter');
      if (type === 'histogram') assert.ok(name.endsWith('_seconds'));
      assert.match(help, /\.$/);
      for (const label of Object.keys(labels)) assert.ok(LABELS.includes(label), label);
    });
  }
  it('is what docs/metrics.md says', async () => {
    const page = await readFile(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
    assert.equal(page, renderMetricsReference());
  });
});
