// The body of a SelfSubjectAccessReview or SelfSubjectRulesReview as kubectl sends it: JSON, or protobuf in Kubernetes' envelope (apimachinery
// runtime/generated.proto, k8s.io/api authorization/v1/generated.proto). Read field by field; what is not known is skipped.

import protobuf from 'protobufjs/minimal.js';
import type { AnyAttributes } from '../core/attributes.ts';
import { Fault } from '../core/fault.ts';
import { at, isRecord, text } from './untrusted.ts';

const MAGIC = Buffer.from('k8s\0');
const API_VERSION = 'authorization.k8s.io/v1';
const ACCESS_REVIEW = 'SelfSubjectAccessReview';

type Fields = ReadonlyMap<number, Uint8Array>;

/** The bytes of each length-delimited field; the last one counts. Throws what protobufjs throws. */
function readFields(bytes: Uint8Array): Fields {
  const reader = protobuf.Reader.create(bytes);
  const fields = new Map<number, Uint8Array>();
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if ((tag & 7) === 2) fields.set(tag >>> 3, reader.bytes());
    else reader.skipType(tag & 7);
  }
  return fields;
}

const decoder = (fields: Fields): ((id: number) => string) => {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  return (id) => utf8.decode(fields.get(id) ?? new Uint8Array());
};

/** The namespace that the rules are asked for; empty: none. Throws BadRequest. */
export function readRulesReview(body: Buffer): string {
  const kind = 'SelfSubjectRulesReview';
  try {
    if (isProtobuf(body)) return decoder(toSpec(body, kind))(1);
    return text(at(toReview(body, kind), 'spec', 'namespace'));
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('BadRequest', `the ${kind} cannot be read`, { cause });
  }
}

const isProtobuf = (body: Buffer): boolean => body.subarray(0, MAGIC.length).equals(MAGIC);

/** Of the protobuf envelope: type, and what is in it, of which the second field is the spec. */
function toSpec(body: Buffer, kind: string): Fields {
  const envelope = readFields(body.subarray(MAGIC.length));
  const type = decoder(readFields(envelope.get(1) ?? new Uint8Array()));
  if (type(1) !== API_VERSION || type(2) !== kind) throw wrongKind(kind);
  return readFields(readFields(envelope.get(2) ?? new Uint8Array()).get(2) ?? new Uint8Array());
}

function toReview(body: Buffer, kind: string): unknown {
  const review: unknown = JSON.parse(body.toString());
  // What is missing follows from the path, as an API server has it; its typed clients leave both out.
  const { apiVersion = API_VERSION, kind: given = kind } = isRecord(review) ? review : { kind: '' };
  if (apiVersion !== API_VERSION || given !== kind) throw wrongKind(kind);
  return review;
}

/** Throws BadRequest. */
export function readAccessReview(body: Buffer): AnyAttributes {
  try {
    return isProtobuf(body) ? fromProtobuf(body) : fromJson(body);
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('BadRequest', 'the SelfSubjectAccessReview cannot be read', { cause });
  }
}

function fromProtobuf(body: Buffer): AnyAttributes {
  const spec = toSpec(body, ACCESS_REVIEW);
  const resource = spec.get(1);
  const path = spec.get(2);
  if (path !== undefined && resource === undefined) {
    const of = decoder(readFields(path));
    return { verb: of(2), path: of(1) };
  }
  if (resource === undefined || path !== undefined) throw notOne();
  const of = decoder(readFields(resource));
  return {
    namespace: of(1),
    verb: of(2),
    apiGroup: of(3),
    version: of(4),
    resource: of(5),
    subresource: of(6),
    name: of(7),
  };
}

function fromJson(body: Buffer): AnyAttributes {
  const review = toReview(body, ACCESS_REVIEW);
  const resource = at(review, 'spec', 'resourceAttributes');
  const path = at(review, 'spec', 'nonResourceAttributes');
  if (isRecord(path) && !isRecord(resource)) return { verb: text(path['verb']), path: text(path['path']) };
  if (!isRecord(resource) || isRecord(path)) throw notOne();
  const of = (name: string): string => text(at(resource, name));
  return {
    namespace: of('namespace'),
    verb: of('verb'),
    apiGroup: of('group'),
    version: of('version'),
    resource: of('resource'),
    subresource: of('subresource'),
    name: of('name'),
  };
}

const wrongKind = (kind: string): Fault =>
  new Fault('BadRequest', `the body must be a ${kind} of ${API_VERSION}`);
const notOne = (): Fault =>
  new Fault('BadRequest', 'exactly one of resourceAttributes and nonResourceAttributes must be given');
