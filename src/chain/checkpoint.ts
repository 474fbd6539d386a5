// A checkpoint of the audit log's chain: what is signed, and the audit event that carries it. The event follows from the
// checkpoint and its signature alone, byte for byte, so that nothing in its line can be changed unseen.

import { isChainId, isDigest, readLink, toLinkedLine } from './link.ts';

/** What a signature vouches for. The order of the keys is that of the signed JSON. */
export interface Checkpoint {
  readonly chain: string;
  /** The number of the line that is vouched for, and with it of all before. */
  readonly sequence: number;
  /** SHA-256 of that line. */
  readonly hash: string;
  /** The number of the first line of the file that holds it: what is before may have been pruned, what is after not. */
  readonly begins: number;
  /** Name of that file, without its folders. */
  readonly file: string;
  /** When it was made, RFC 3339 in UTC with milliseconds. */
  readonly time: string;
  /** SHA-256 of the checkpoint before (its JWS), zeros when the gateway knew of none. */
  readonly previous: string;
}

const CHECKPOINT_ANNOTATION = 'chain.kubelet-gateway.io/checkpoint';
const TORN_ANNOTATION = 'chain.kubelet-gateway.io/torn';
const CHECKPOINT_MARK = Buffer.from(`"annotations":{"${CHECKPOINT_ANNOTATION}":"`);

const KEYS = ['chain', 'sequence', 'hash', 'begins', 'file', 'time', 'previous'] as const;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const FILE = /^[^/\0]{1,255}$/;
const JWS = /^[\w-]{1,512}\.[\w-]{1,2048}\.[\w-]{1,512}$/;

/** How many lines may stand between a line and the event of its checkpoint. */
export const MAX_CHECKPOINT_DISTANCE = 65_536;

/** Throws an Error that says what is wrong with it. */
export function parseCheckpoint(value: unknown): Checkpoint {
  if (typeof value !== 'object' || value === null) throw new Error('a checkpoint is an object');
  const given = new Map<string, unknown>(Object.entries(value));
  const unknown = [...given.keys()].find((key) => !KEYS.some((known) => known === key));
  if (unknown !== undefined) throw new Error('a checkpoint has a key that is not known');
  const text = (key: (typeof KEYS)[number], isRight: (text: string) => boolean): string => {
    const found = given.get(key);
    if (typeof found !== 'string' || !isRight(found)) throw new Error(`a checkpoint's ${key} is not right`);
    return found;
  };
  const number = (key: (typeof KEYS)[number]): number => {
    const found = given.get(key);
    if (typeof found !== 'number' || !Number.isSafeInteger(found) || found < 1) {
      throw new Error(`a checkpoint's ${key} is not right`);
    }
    return found;
  };
  const checkpoint = {
    chain: text('chain', isChainId),
    sequence: number('sequence'),
    hash: text('hash', isDigest),
    begins: number('begins'),
    file: text('file', (name) => FILE.test(name)),
    time: text('time', (time) => TIME.test(time) && !Number.isNaN(Date.parse(time))),
    previous: text('previous', isDigest),
  };
  if (checkpoint.begins > checkpoint.sequence) throw new Error("a checkpoint's begins is not right");
  return checkpoint;
}

/** Whether a text has the form of a compact JWS. */
export const isJws = (text: string): boolean => JWS.test(text);

/** The audit event of a checkpoint, without a link. */
export function toCheckpointEvent({ chain, sequence, time }: Checkpoint, jws: string): string {
  return toOwnEvent(`${chain}-${sequence}`, 'checkpoint', time, CHECKPOINT_ANNOTATION, jws);
}

/** The audit event that says that the end of the log was cut off: so many bytes of a line that a crash left unfinished. */
export function toRepairEvent(id: string, time: string, torn: { bytes: number; sha256: string }): string {
  return toOwnEvent(id, 'repair', time, TORN_ANNOTATION, `${torn.bytes} ${torn.sha256}`);
}

/** The parts are digits, names and base64url: nothing in them needs an escape. */
const toOwnEvent = (id: string, verb: string, time: string, annotation: string, value: string): string => {
  const stamp = `${time.slice(0, -1)}000Z`;
  return (
    `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"${id}","stage":"ResponseComplete"` +
    `,"requestURI":"","verb":"${verb}","user":{"username":"system:kubelet-gateway"}` +
    ',"objectRef":{"resource":"audits","apiGroup":"kubelet-gateway.io","apiVersion":"v1alpha1"}' +
    `,"requestReceivedTimestamp":"${stamp}","stageTimestamp":"${stamp}","annotations":{"${annotation}":"${value}"}}`
  );
};

/** Two parts of it, so that neither can be changed unseen. Within values the quotes would be escaped. */
const SIGNS = [
  `"${CHECKPOINT_ANNOTATION}":"`,
  '"verb":"checkpoint","user":{"username":"system:kubelet-gateway"}',
].map((sign) => Buffer.from(sign));

/** Whether a line is, or was, the event of a checkpoint. */
export const looksLikeCheckpoint = (line: Buffer): boolean => SIGNS.some((sign) => line.includes(sign));

/** The JWS in a line that is the event of a checkpoint; undefined when it is none. The line has no line end. */
export function readCheckpointJws(line: Buffer): string | undefined {
  const at = line.indexOf(CHECKPOINT_MARK);
  if (at < 0) return undefined;
  const start = at + CHECKPOINT_MARK.length;
  const end = line.indexOf('"', start, 'latin1');
  const jws = line.toString('latin1', start, end < 0 ? start : end);
  return isJws(jws) ? jws : undefined;
}

/** Whether a line is, to the last byte, the event that the gateway makes of this checkpoint. */
export function isCheckpointLine(line: Buffer, checkpoint: Checkpoint, jws: string): boolean {
  const link = readLink(line);
  return (
    link !== undefined && line.equals(Buffer.from(toLinkedLine(toCheckpointEvent(checkpoint, jws), link)))
  );
}
