// The audit event of a recording's mark: written by the gateway, read by a verification. No request can make a line that is
// read as one: its beginning is compared whole, and a request's URI is never empty.

import type { RecordingMark, RecordingPoint } from '../core/recording-mark.ts';
import { RECORDING_MARKS } from '../core/recording-mark.ts';

const MARK = 'chain.kubelet-gateway.io/recording';
const PASSED = 'chain.kubelet-gateway.io/passed';
const WHY = 'chain.kubelet-gateway.io/why';

const VERBS = {
  begun: 'create',
  reached: 'update',
  ended: 'update',
  recovered: 'update',
  discarded: 'delete',
  deleted: 'delete',
} as const satisfies Record<RecordingMark['what'], string>;

/** Without a link. `id` is the event's own, `time` RFC 3339 in UTC with milliseconds. */
export function toMarkEvent(id: string, time: string, mark: RecordingMark): string {
  const stamp = `${time.slice(0, -1)}000Z`;
  const points = mark.passed?.map(({ manifest, segments }) => `${manifest} ${segments}`).join();
  const passed = points === undefined ? '' : `,"${PASSED}":"${points}"`;
  const why = mark.why === undefined ? '' : `,"${WHY}":${JSON.stringify(mark.why)}`;
  return (
    `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"${id}","stage":"ResponseComplete"` +
    `,"requestURI":"","verb":"${VERBS[mark.what]}","user":{"username":"system:kubelet-gateway"}` +
    `,"objectRef":{"resource":"recordings","name":"${mark.id}","apiGroup":"kubelet-gateway.io","apiVersion":"v1alpha1"}` +
    `,"requestReceivedTimestamp":"${stamp}","stageTimestamp":"${stamp}"` +
    `,"annotations":{"${MARK}":"${mark.what} ${mark.manifest} ${mark.segments}"${passed}${why}}}`
  );
}

const SIGN = Buffer.from(`"annotations":{"${MARK}":"`);
const POINT = '[0-9a-f]{64} \\d{1,15}';
const ID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const EVENT = new RegExp(
  `^\\{"kind":"Event","apiVersion":"audit\\.k8s\\.io/v1","level":"Metadata","auditID":"${ID}","stage":"ResponseComplete"` +
    `,"requestURI":"","verb":"[a-z]+","user":\\{"username":"system:kubelet-gateway"\\}` +
    `,"objectRef":\\{"resource":"recordings","name":"(${ID})","apiGroup":"kubelet-gateway\\.io","apiVersion":"v1alpha1"\\}` +
    `,"requestReceivedTimestamp":"[^"]+","stageTimestamp":"[^"]+"` +
    `,"annotations":\\{"${MARK.replaceAll('.', '\\.')}":"([a-z]+) (${POINT})"(?:,"${PASSED.replaceAll('.', '\\.')}":"((?:${POINT}(?:,${POINT})*)?)")?`,
);

/** The mark in a line of the audit log; undefined: it is the event of something else. */
export function readMark(line: Buffer): RecordingMark | undefined {
  if (!line.includes(SIGN)) return undefined;
  const [, id, told, point = '', passed] = EVENT.exec(line.toString('latin1')) ?? [];
  const what = RECORDING_MARKS.find((mark) => mark === told);
  if (id === undefined || what === undefined) return undefined;
  const points = passed?.split(',').flatMap((text) => (text === '' ? [] : [toPoint(text)]));
  return { what, id, ...toPoint(point), ...(points && { passed: points }) };
}

function toPoint(text: string): RecordingPoint {
  const [digest = '', digits] = text.split(' ');
  // A copy: a part of a string keeps all of it in memory, and a verification keeps the points of all recordings.
  return { manifest: Buffer.from(digest, 'latin1').toString('latin1'), segments: Number(digits) };
}
