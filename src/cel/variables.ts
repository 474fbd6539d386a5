// The variables that expressions have, by where the expression stands, with their types as the CEL library writes them.
// Each set is fixed: an expression that names anything else is refused when it is compiled.

const USER = {
  username: 'string',
  uid: 'string',
  groups: 'list<string>',
  extra: 'map<string, list<string>>',
} as const;

const NODE = { name: 'string', labels: 'map<string, string>' } as const;

const ACTION = {
  kind: 'string',
  verb: 'string',
  namespace: 'string',
  pod: 'string',
  container: 'string',
  command: 'list<string>',
  stdin: 'bool',
  tty: 'bool',
} as const;

const GRANT = { verb: 'string', resource: 'string', subresource: 'string', namespace: 'string' } as const;

/** Types with fields, by name. */
export const TYPES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'kubernetes.UserInfo': USER,
  'gateway.Node': NODE,
  'gateway.Action': ACTION,
  'gateway.Grant': GRANT,
};

/**
 * `claims`: the claims of a token. `user`: what became of them. `mapping`: a credential mapping, which knows the whole
 * exchange. The type of each variable is one of {@link TYPES} or one of CEL's own.
 */
export const VARIABLES = {
  claims: { claims: 'map<string, dyn>' },
  user: { user: 'kubernetes.UserInfo' },
  mapping: {
    user: 'kubernetes.UserInfo',
    node: 'gateway.Node',
    action: 'gateway.Action',
    claims: 'map<string, dyn>',
    grant: 'gateway.Grant',
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Which set of variables an expression has. */
export type Variables = keyof typeof VARIABLES;

/** The fields of a variable with fields, for documentation; undefined for one of CEL's own types. */
export const fieldsOf = (type: string): readonly string[] | undefined => {
  const fields = TYPES[type];
  return fields === undefined ? undefined : Object.keys(fields);
};
