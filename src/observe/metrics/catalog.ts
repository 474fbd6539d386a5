// Every metric of the gateway, in one table. No label holds a user's or a node's name, and none takes a value that a
// client can make up: the number of series is bounded by this table and the configuration.

import { ADDRESS_PROBLEMS } from '../../inventory/addresses.ts';
import { TLS_PROBLEMS } from '../../outbound/dial-faults.ts';

export interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  readonly help: string;
  /** Label names and what their values are. */
  readonly labels: Readonly<Record<string, string>>;
  /** Upper bounds, in the metric's unit. */
  readonly buckets?: readonly number[];
}

const ACTION =
  'the action of the request (`exec`, `metrics`, `pods`, …); `watch` for watches; `gateway` for what the gateway answers by itself; `unresolved` for a request refused before its action was known';
const SINK = '`file` or `stdout`';
const REVIEWED = '`allow`, `deny`, `noOpinion` or `error`';
const RESULT = '`success` or `failure`';

export const CATALOG = {
  requests: {
    type: 'counter',
    name: 'kubelet_gateway_requests_total',
    help: 'Requests that have ended, by the status code that the client was sent.',
    labels: { code: 'HTTP status; `101` for an upgraded connection, `0` when none was sent', action: ACTION },
  },
  requestDuration: {
    type: 'histogram',
    name: 'kubelet_gateway_request_duration_seconds',
    help: 'Time from the head of the request to the end of the answer. Long-running requests are not in it.',
    labels: { action: ACTION },
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  },
  activeStreams: {
    type: 'gauge',
    name: 'kubelet_gateway_active_streams',
    help: 'Long-running exchanges whose answer has started: exec, attach, portForward, followed logs, watches, CPU profiles.',
    labels: { action: 'the action' },
  },
  streamBytes: {
    type: 'counter',
    name: 'kubelet_gateway_stream_bytes_total',
    help: 'Payload bytes of long-running exchanges, counted when they end.',
    labels: { action: 'the action', direction: '`toNode` or `fromNode`' },
  },
  cacheHits: {
    type: 'counter',
    name: 'kubelet_gateway_authorization_cache_hits_total',
    help: 'Authorization questions answered from the cache of SubjectAccessReviews.',
    labels: { decision: '`allow`, `deny` or `noOpinion`' },
  },
  cacheMisses: {
    type: 'counter',
    name: 'kubelet_gateway_authorization_cache_misses_total',
    help: 'Authorization questions that were not in the cache of SubjectAccessReviews, those that waited for the review of an equal question included.',
    labels: {},
  },
  subjectAccessReviews: {
    type: 'counter',
    name: 'kubelet_gateway_subjectaccessreviews_total',
    help: 'SubjectAccessReviews sent to the API server.',
    labels: { result: REVIEWED },
  },
  subjectAccessReviewDuration: {
    type: 'histogram',
    name: 'kubelet_gateway_subjectaccessreview_duration_seconds',
    help: 'Time that a SubjectAccessReview took, repeated attempts included.',
    labels: { result: REVIEWED },
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  },
  cacheEntries: {
    type: 'gauge',
    name: 'kubelet_gateway_authorization_cache_entries',
    help: 'Decisions in the cache of SubjectAccessReviews.',
    labels: { kind: '`authorized` or `unauthorized`' },
  },
  cacheForgotten: {
    type: 'counter',
    name: 'kubelet_gateway_authorization_cache_forgotten_total',
    help: 'Decisions that were forgotten before their time, because rights have changed or somebody has asked for it.',
    labels: {},
  },
  staleDecisions: {
    type: 'counter',
    name: 'kubelet_gateway_authorization_stale_decisions_total',
    help: 'Decisions of earlier that stood in for an API server that was away.',
    labels: {},
  },
  subjectAccessReviewsInFlight: {
    type: 'gauge',
    name: 'kubelet_gateway_subjectaccessreviews_in_flight',
    help: 'SubjectAccessReviews on their way.',
    labels: {},
  },
  rightsWatched: {
    type: 'gauge',
    name: 'kubelet_gateway_rights_watched',
    help: '1 while changes of roles and bindings are followed, 0 while they are not and decisions are remembered for a short time only.',
    labels: {},
  },
  streamRechecks: {
    type: 'counter',
    name: 'kubelet_gateway_stream_rechecks_total',
    help: 'Times that the right to a running stream was asked for again.',
    labels: { result: '`allowed`, `revoked` or `unanswered`' },
  },
  tokenReviews: {
    type: 'counter',
    name: 'kubelet_gateway_tokenreviews_total',
    help: 'Bearer tokens that were to be reviewed by the API server.',
    labels: {
      result:
        '`hit`: it was known; `joined`: it waited for an equal one; `authenticated`, `refused` or `error`: it was sent',
    },
  },
  tokenReviewEntries: {
    type: 'gauge',
    name: 'kubelet_gateway_tokenreview_cache_entries',
    help: 'Tokens of which the answer of the API server is remembered.',
    labels: { kind: '`authenticated` or `refused`' },
  },
  tokenReviewsInFlight: {
    type: 'gauge',
    name: 'kubelet_gateway_tokenreviews_in_flight',
    help: 'TokenReviews on their way.',
    labels: {},
  },
  upstreamTlsErrors: {
    type: 'counter',
    name: 'kubelet_gateway_upstream_tls_errors_total',
    help: 'Connections to a node that failed in the TLS handshake.',
    labels: { reason: TLS_PROBLEMS.map((problem) => `\`${problem}\``).join(', ') },
  },
  dialsRefused: {
    type: 'counter',
    name: 'kubelet_gateway_dials_refused_total',
    help: 'Connections to a node that were not opened, because its address must not be dialled.',
    labels: { reason: ADDRESS_PROBLEMS.map((problem) => `\`${problem}\``).join(', ') },
  },
  nodes: {
    type: 'gauge',
    name: 'kubelet_gateway_nodes',
    help: 'Nodes that are known.',
    labels: { state: '`usable`, or `leftOut`: it has no address or port that may be dialled' },
  },
  nodesCurrent: {
    type: 'gauge',
    name: 'kubelet_gateway_nodes_current',
    help: '1 while the nodes are kept up to date, 0 while the last known ones count: the API server is away, or the node file is not good.',
    labels: {},
  },
  podLookups: {
    type: 'counter',
    name: 'kubelet_gateway_pod_lookups_total',
    help: 'Requests without a node in the path that had to be told on which node a pod is, where an API server is followed.',
    labels: {
      result:
        '`cache`; `apiServer`; `stale`: what an API server that is away last said; `kubelets`: their own lists, because it is away or refuses',
    },
  },
  foreignPods: {
    type: 'counter',
    name: 'kubelet_gateway_foreign_pods_total',
    help: "Pods that nodes have told of although the pod's spec names another node, at each reading of their lists for requests without a node in the path. They are left out; the log names the node once a pod is looked for.",
    labels: {},
  },
  upstreamCredentialRejected: {
    type: 'counter',
    name: 'kubelet_gateway_upstream_credential_rejected_total',
    help: "Requests for which a node rejected the gateway's own credential.",
    labels: { code: '`401` or `403`' },
  },
  auditEvents: {
    type: 'counter',
    name: 'kubelet_gateway_audit_events_total',
    help: 'Audit events written.',
    labels: { sink: SINK },
  },
  auditErrors: {
    type: 'counter',
    name: 'kubelet_gateway_audit_errors_total',
    help: 'Audit events whose write failed. They are tried again while the buffer holds them.',
    labels: { sink: SINK },
  },
  auditDropped: {
    type: 'counter',
    name: 'kubelet_gateway_audit_dropped_total',
    help: 'Audit events lost: the buffer was full, or a write failed until the gateway stopped.',
    labels: { sink: SINK },
  },
  auditCheckpoints: {
    type: 'counter',
    name: 'kubelet_gateway_audit_checkpoints_total',
    help: 'Attempts to sign a checkpoint of the audit chain.',
    labels: { result: RESULT },
  },
  auditCheckpointSinkErrors: {
    type: 'counter',
    name: 'kubelet_gateway_audit_checkpoint_sink_errors_total',
    help: 'Checkpoints that could not be stored outside of the audit log.',
    labels: {},
  },
  auditUnsigned: {
    type: 'gauge',
    name: 'kubelet_gateway_audit_unsigned_events',
    help: 'Events in the audit file that no checkpoint covers yet. 0 where nothing is signed.',
    labels: {},
  },
  recordings: {
    type: 'counter',
    name: 'kubelet_gateway_session_recordings_total',
    help: 'Recordings that have ended.',
    labels: {
      state:
        '`complete`; `incomplete`: something that passed is not in it; `failed`: it could not be begun or stored',
    },
  },
  recordingBytes: {
    type: 'counter',
    name: 'kubelet_gateway_session_recording_bytes_total',
    help: 'Bytes written to the segments of recordings, counted when they end.',
    labels: {},
  },
  recordingUploads: {
    type: 'counter',
    name: 'kubelet_gateway_session_recording_uploads_total',
    help: 'Attempts to bring what is new of a recording to the object store.',
    labels: {
      result:
        '`stored`; `failed`: tried again; `refused`: the store has something else, or the spool was changed',
    },
  },
  recordingsWaiting: {
    type: 'gauge',
    name: 'kubelet_gateway_session_recording_spool_bytes',
    help: 'Bytes of recordings that wait for the object store, room kept for open segments included.',
    labels: {},
  },
  recordingsDeleted: {
    type: 'counter',
    name: 'kubelet_gateway_session_recordings_deleted_total',
    help: 'Recordings that retention deleted.',
    labels: { reason: '`age`, `size`' },
  },
  configReloads: {
    type: 'counter',
    name: 'kubelet_gateway_config_reloads_total',
    help: 'Attempts to load the configuration again.',
    labels: { result: RESULT },
  },
  configLastReloadSuccessful: {
    type: 'gauge',
    name: 'kubelet_gateway_config_last_reload_successful',
    help: '1 if the configuration in force is the newest one, 0 if the last reload failed.',
    labels: {},
  },
  credentialStale: {
    type: 'gauge',
    name: 'kubelet_gateway_credential_stale',
    help: '1 while the files of a kubelet credential cannot be read again, or it could not be issued again; the last good one is in use.',
    labels: { credential: "the credential's name in the configuration" },
  },
  jwksRefreshes: {
    type: 'counter',
    name: 'kubelet_gateway_jwks_refreshes_total',
    help: 'Fetches of the signing keys of token issuers.',
    labels: { result: RESULT },
  },
  buildInfo: {
    type: 'gauge',
    name: 'kubelet_gateway_build_info',
    help: 'Always 1.',
    labels: { version: "the gateway's version" },
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;

export type MetricKey = keyof typeof CATALOG;
export type LabelsOf<Key extends MetricKey> = Readonly<
  Record<keyof (typeof CATALOG)[Key]['labels'], string | number>
>;
