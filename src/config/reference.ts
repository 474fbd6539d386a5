// The reference of all settings, from the descriptions in the schemas: a page for people and a JSON Schema for editors.

import { z } from 'zod';
import { gatewayFile } from './schema/gateway.ts';

export interface Setting {
  /** `listeners[].tls.minVersion`. */
  readonly path: string;
  readonly type: string;
  /** As it would be written in YAML; undefined: none. */
  readonly default?: string;
  readonly required: boolean;
  readonly description: string;
}

/** The parts of JSON Schema that the schemas here turn into. */
interface Schema {
  readonly type?: string;
  readonly const?: string | boolean;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly default?: unknown;
  readonly description?: string;
  readonly pattern?: string;
}

/** JSON Schema (2020-12) of the file format: what an editor needs to complete and check it. */
export const toJsonSchema = (): Readonly<Record<string, unknown>> => ({
  ...z.toJSONSchema(gatewayFile, { io: 'input' }),
  title: 'kubelet-gateway configuration',
});

/** All settings, in the order of the file format. */
export const listSettings = (): readonly Setting[] => listOf(toJsonSchema(), '');

function listOf(schema: Schema, path: string): readonly Setting[] {
  if (schema.items !== undefined) return listOf(schema.items, `${path}[]`);
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    const at = path === '' ? key : `${path}.${key}`;
    const setting: Setting = {
      path: at,
      type: toType(inner),
      ...(isShown(inner.default) ? { default: toYaml(inner.default) } : {}),
      required: schema.required?.includes(key) ?? false,
      description: inner.description ?? '',
    };
    return [setting, ...listOf(inner, at)];
  });
}

/** A mapping's default is that of its keys, which have rows of their own. */
const isShown = (value: unknown): boolean =>
  value !== undefined && (typeof value !== 'object' || Array.isArray(value));

const toYaml = (value: unknown): string =>
  Array.isArray(value) ? `[${value.map(String).join(', ')}]` : String(value);

function toType(schema: Schema): string {
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(' ');
  if (schema.type === 'array')
    return `list of ${schema.items === undefined ? 'values' : toType(schema.items)}`;
  if (schema.type === 'string' && schema.pattern?.includes('ms|s|m|h|d') === true) return 'duration';
  if (schema.type === 'string' && schema.pattern?.includes('Ki|Mi') === true) return 'quantity';
  return TYPES[schema.type ?? ''] ?? 'value';
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'string',
  integer: 'number',
  number: 'number',
  boolean: '`true` `false`',
  object: 'mapping',
};

const INTRODUCTION = `# Configuration

This page is generated from the schemas in \`src/config/schema/\` by \`npm run docs\`; so is \`config/schema.json\`, a JSON
Schema for editors. \`config/gateway.yaml\` is a complete example with comments.

- One YAML file, named with \`--config\`. File names in it are relative to its folder.
- Unknown keys are refused. \`kubelet-gateway check-config FILE\` reports every problem with its path and line, and
  warnings about what works and is less safe than it looks; its exit code is 2 when the file is not usable.
- The file and all that it names are read again when one of them changes, and on SIGHUP. When something is wrong with
  the new content the old stays in force, and the log says why.
- A *duration* is a number with a unit, or several: \`500ms\`, \`30s\`, \`1h30m\`, \`366d\` (a day is 24 hours). A *quantity*
  counts bytes: \`128Ki\` is 131,072, \`100M\` is 100,000,000.
- Secrets are never written into the file; it names files that hold them.
- Kubernetes' own formats are read as they are: AuthenticationConfiguration (\`apiserver.config.k8s.io/v1\`), audit Policy
  (\`audit.k8s.io/v1\`), RBAC manifests (\`rbac.authorization.k8s.io/v1\`) and kubeconfig. What the gateway does not carry
  of them (egress selectors, some functions of expressions, aggregated ClusterRoles, exec plugins) is refused by name,
  never ignored. The functions of expressions are listed in [cel.md](cel.md).
`;

/** The reference page, as Markdown. */
export function toReferencePage(): string {
  const settings = listSettings();
  const sections = settings.filter(({ path }) => !/[.[]/.test(path));
  const parts = sections.map((section) => {
    const rows = settings.filter(
      ({ path }) => path.startsWith(`${section.path}.`) || path.startsWith(`${section.path}[]`),
    );
    return [
      `## ${section.path}`,
      '',
      toSentence(section),
      ...(rows.length > 0 ? ['', ...toTable(rows)] : []),
      '',
    ].join('\n');
  });
  return [INTRODUCTION, ...parts].join('\n');
}

const toSentence = ({ description, required, type, path }: Setting): string => {
  const fixed = type.startsWith('`') ? ` Always ${type}.` : '';
  return `${escape(description)}${required && path !== '' ? ' **Required.**' : ''}${fixed}`;
};

const toTable = (rows: readonly Setting[]): readonly string[] => [
  '| Setting | Type | Default | What it does |',
  '|---|---|---|---|',
  ...rows.map(({ path, type, required, description, ...row }) => {
    const value = required ? '**required**' : row.default === undefined ? '' : `\`${row.default}\``;
    return `| \`${path}\` | ${type} | ${value} | ${escape(description)} |`;
  }),
];

const escape = (text: string): string => text.replaceAll('|', '\\|');
