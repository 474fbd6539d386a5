// Checks a manifest against the types of Kubernetes' own client, which are generated from the API's OpenAPI: unknown keys
// and values of another type are told with their path. Stricter than an API server, which drops what it does not know.

import * as client from '@kubernetes/client-node';

interface Attribute {
  readonly baseName: string;
  readonly type: string;
}

const classes: Readonly<Record<string, unknown>> = { ...client };

/** The attributes of the model `type`; undefined where it is none. */
function attributesOf(type: string): readonly Attribute[] | undefined {
  const model = classes[type];
  if (typeof model !== 'function' || !('getAttributeTypeMap' in model)) return undefined;
  const read = model.getAttributeTypeMap;
  return typeof read === 'function' ? (read.call(model) as readonly Attribute[]) : undefined;
}

/** `path: what is wrong`, for each thing that is. */
export function problemsOfManifest(value: unknown, type: string, path = type): readonly string[] {
  const list = /^Array<(.+)>$/.exec(type)?.[1];
  if (list !== undefined) {
    if (!Array.isArray(value)) return [`${path}: no list`];
    return value.flatMap((item, at) => problemsOfManifest(item, list, `${path}[${at}]`));
  }
  const values = /^\{ \[key: string\]: (.+); \}$/.exec(type)?.[1];
  if (values !== undefined) {
    if (!isMapping(value)) return [`${path}: no mapping`];
    return Object.entries(value).flatMap(([key, item]) => problemsOfManifest(item, values, `${path}.${key}`));
  }
  const attributes = attributesOf(type);
  if (attributes === undefined) return isOf(value, type) ? [] : [`${path}: not of type ${type}`];
  if (!isMapping(value)) return [`${path}: no mapping`];
  return Object.entries(value).flatMap(([key, item]) => {
    const attribute = attributes.find(({ baseName }) => baseName === key);
    return attribute === undefined
      ? [`${path}.${key}: unknown key`]
      : problemsOfManifest(item, attribute.type, `${path}.${key}`);
  });
}

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isOf(value: unknown, type: string): boolean {
  switch (type) {
    case 'number':
    case 'string':
    case 'boolean':
      return typeof value === type;
    case 'IntOrString':
      return typeof value === 'string' || Number.isInteger(value);
    case 'any':
      return true;
    default:
      return false;
  }
}
