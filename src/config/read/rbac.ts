// RBAC manifests: files of one or many YAML documents, as `kubectl apply` takes and `kubectl get -o yaml` gives them.

import type { PolicyRule, RbacObjects, Subject } from '../../core/rbac.ts';
import type { Path } from '../problem.ts';
import type { Reading } from '../reading.ts';
import type { Source } from '../yaml.ts';
import { toSuggestion } from '../nearest.ts';
import { check } from '../schema/check.ts';
import { clusterRole, clusterRoleBinding, list, role, roleBinding } from '../schema/rbac.ts';
import { parseYaml } from '../yaml.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer Item)[] ? Item[] : never };
type Collected = Mutable<RbacObjects>;

interface Reader {
  readonly findings: Reading['findings'];
  readonly objects: Collected;
  /** Kind, namespace and name of what has been read. */
  readonly names: Set<string>;
}

const KINDS = ['ClusterRole', 'Role', 'ClusterRoleBinding', 'RoleBinding', 'List'];

/** The objects of all files. Undefined when there is a problem, which has been told. */
export async function readManifests(
  files: readonly string[],
  reading: Reading,
  path: Path,
): Promise<RbacObjects | undefined> {
  const { findings, source } = reading;
  const before = findings.problems.length;
  const objects: Collected = { clusterRoles: [], roles: [], clusterRoleBindings: [], roleBindings: [] };
  const reader: Reader = { findings, objects, names: new Set() };
  const sources: (readonly Source[])[] = [];
  for (const [index, file] of files.entries()) {
    const text = await reading.files.read(file, source, [...path, index]);
    if (text !== undefined) sources.push(parseYaml(file, text, findings) ?? []);
  }
  for (const document of sources.flat()) readObject(document.value, document, [], reader);
  warnAboutDangling(objects, reading, path);
  if (objects.clusterRoleBindings.length + objects.roleBindings.length === 0) {
    findings.warning(source, path, 'there is no binding in the manifests, so nobody may do anything');
  }
  return findings.problems.length > before ? undefined : objects;
}

/** Kubernetes accepts a binding to a role that is not there; it gives nothing. */
function warnAboutDangling(objects: Collected, { findings, source }: Reading, path: Path): void {
  const clusterRoles = new Set(objects.clusterRoles.map(({ name }) => name));
  for (const binding of [...objects.clusterRoleBindings, ...objects.roleBindings]) {
    const { kind, name } = binding.roleRef;
    const known =
      kind === 'ClusterRole'
        ? clusterRoles.has(name)
        : objects.roles.some(
            (role) => 'namespace' in binding && role.namespace === binding.namespace && role.name === name,
          );
    if (known) continue;
    findings.warning(
      source,
      path,
      `the binding "${binding.name}" names the ${kind} "${name}", which is in no manifest`,
    );
  }
}

function readObject(value: unknown, source: Source, path: Path, reader: Reader): void {
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
  switch (kind) {
    case 'ClusterRole':
    case 'Role':
      readRole(kind, value, source, path, reader);
      return;
    case 'ClusterRoleBinding':
    case 'RoleBinding':
      readBinding(kind, value, source, path, reader);
      return;
    case 'List':
    case 'ClusterRoleList':
    case 'RoleList':
    case 'ClusterRoleBindingList':
    case 'RoleBindingList':
      check(list, value, source, path, reader.findings)?.items.forEach((item, index) =>
        readObject(item, source, [...path, 'items', index], reader),
      );
      return;
    default: {
      const suggestion = typeof kind === 'string' ? toSuggestion(kind, KINDS) : '';
      const message = `must be one of ${KINDS.join(', ')}${suggestion}`;
      reader.findings.problem(
        source,
        [...path, 'kind'],
        kind === undefined ? `is required: ${message}` : message,
      );
    }
  }
}

function readRole(
  kind: 'ClusterRole' | 'Role',
  value: unknown,
  source: Source,
  path: Path,
  reader: Reader,
): void {
  const { findings, objects } = reader;
  const file =
    kind === 'Role'
      ? check(role, value, source, path, findings)
      : check(clusterRole, value, source, path, findings);
  if (file === undefined || !isNew(file, source, path, reader)) return;
  const { name, namespace } = file.metadata;
  const rules: PolicyRule[] = [];
  (file.rules ?? []).forEach(({ nonResourceURLs, ...rule }, index) => {
    rule.resources.forEach((resource, position) => {
      if (!/^[^*]+\/\*$/.test(resource)) return;
      const message =
        'matches nothing: RBAC knows "*", "resource/subresource" and "*/subresource", and no other patterns';
      findings.warning(source, [...path, 'rules', index, 'resources', position], message);
    });
    const isOfPaths = nonResourceURLs !== undefined && nonResourceURLs.length > 0;
    if (isOfPaths && kind === 'Role') {
      const message = 'matches nothing: nonResourceURLs are granted by a ClusterRole only';
      findings.warning(source, [...path, 'rules', index], message);
    }
    rules.push(isOfPaths ? { ...rule, nonResourceURLs } : rule);
  });
  if (namespace === undefined || kind === 'ClusterRole') objects.clusterRoles.push({ name, rules });
  else objects.roles.push({ namespace, name, rules });
}

function readBinding(
  kind: 'ClusterRoleBinding' | 'RoleBinding',
  value: unknown,
  source: Source,
  path: Path,
  reader: Reader,
): void {
  const { findings, objects } = reader;
  const file =
    kind === 'RoleBinding'
      ? check(roleBinding, value, source, path, findings)
      : check(clusterRoleBinding, value, source, path, findings);
  if (file === undefined || !isNew(file, source, path, reader)) return;
  const { name, namespace } = file.metadata;
  const roleRef = { kind: file.roleRef.kind, name: file.roleRef.name };
  const subjects = (file.subjects ?? []).map(toSubject);
  if (namespace === undefined || kind === 'ClusterRoleBinding') {
    objects.clusterRoleBindings.push({ name, roleRef, subjects });
  } else objects.roleBindings.push({ namespace, name, roleRef, subjects });
}

const toSubject = (subject: Subject): Subject =>
  subject.namespace === undefined
    ? { kind: subject.kind, name: subject.name }
    : { kind: subject.kind, name: subject.name, namespace: subject.namespace };

function isNew(
  { kind, metadata }: { readonly kind: string; readonly metadata: { name: string; namespace?: string } },
  source: Source,
  path: Path,
  { findings, names }: Reader,
): boolean {
  const name = JSON.stringify([kind, metadata.namespace, metadata.name]);
  if (names.has(name)) {
    findings.problem(source, [...path, 'metadata', 'name'], `another ${kind} has this name already`);
    return false;
  }
  names.add(name);
  return true;
}
