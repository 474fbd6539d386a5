// Kubernetes' field selectors (apimachinery pkg/fields) with the fields that an API server knows of pods
// (pkg/registry/core/pod, ToSelectableFields); of nodes the name. The fields are a closed list: no selector indexes into an object.

import type { FieldRequirement } from '../core/action.ts';
import { Fault } from '../core/fault.ts';
import { at, field, list, text } from './untrusted.ts';

const READERS: ReadonlyMap<string, (pod: unknown) => string> = new Map([
  ['metadata.name', (pod) => text(at(pod, 'metadata', 'name'))],
  ['metadata.namespace', (pod) => text(at(pod, 'metadata', 'namespace'))],
  ['spec.nodeName', (pod) => text(at(pod, 'spec', 'nodeName'))],
  ['spec.restartPolicy', (pod) => text(at(pod, 'spec', 'restartPolicy'))],
  ['spec.schedulerName', (pod) => text(at(pod, 'spec', 'schedulerName'))],
  ['spec.serviceAccountName', (pod) => text(at(pod, 'spec', 'serviceAccountName'))],
  ['spec.hostNetwork', (pod) => String(at(pod, 'spec', 'hostNetwork') === true)],
  ['status.phase', (pod) => text(at(pod, 'status', 'phase'))],
  ['status.podIP', (pod) => text(at(pod, 'status', 'podIP'))],
  ['status.podIPs', (pod) => text(field(list(at(pod, 'status', 'podIPs'))[0], 'ip'))],
  ['status.nominatedNodeName', (pod) => text(at(pod, 'status', 'nominatedNodeName'))],
] satisfies [string, (pod: unknown) => string][]);

const POD_FIELDS: ReadonlySet<string> = new Set(READERS.keys());
export const NODE_FIELDS: ReadonlySet<string> = new Set(['metadata.name']);

/** `\` escapes `,`, `=` and itself. */
const TERM = /(?:\\.|[^\\,])+/gsu;

/** Throws BadRequest. An empty selector selects everything. */
export function parseFieldSelector(
  selector: string,
  fields: ReadonlySet<string> = POD_FIELDS,
): readonly FieldRequirement[] {
  if (/(^|[^\\])(\\\\)*\\$/.test(selector)) throw refusal('a backslash at the end escapes nothing');
  return (selector.match(TERM) ?? []).map((term) => parseTerm(term, fields));
}

export const matchesFields = (requirements: readonly FieldRequirement[], object: unknown): boolean =>
  requirements.every(({ field: name, operator, value }) => {
    const equal = READERS.get(name)?.(object) === value;
    return operator === '=' ? equal : !equal;
  });

function parseTerm(term: string, fields: ReadonlySet<string>): FieldRequirement {
  const found = /^([^=!\\]*)(==|!=|=)(.*)$/su.exec(term);
  if (found === null) throw refusal('expected: field=value or field!=value');
  const [, name = '', operator = '', value = ''] = found;
  if (!fields.has(name)) throw new Fault('BadRequest', `field label not supported: ${name}`);
  return { field: name, operator: operator === '!=' ? '!=' : '=', value: unescape(value) };
}

function unescape(value: string): string {
  if (/(^|[^\\])(\\\\)*=/.test(value)) throw refusal("'=' in a value must be escaped");
  if (/\\[^\\,=]/.test(value.replaceAll('\\\\', ''))) throw refusal('unknown escape in a value');
  return value.replace(/\\([\\,=])/g, '$1');
}

const refusal = (detail: string): Fault =>
  new Fault('BadRequest', `unable to parse the field selector: ${detail}`);
