// Reads the gateway's configuration: one YAML file and every fixed file that it names. All problems are reported at
// once; a section with a problem does not hide those of the others.

import { dirname, resolve } from 'node:path';
import type { GatewayConfiguration, SessionSettings } from '../core/configuration.ts';
import type { FileReader, Files } from './files.ts';
import type { Findings, Path, Problem } from './problem.ts';
import type { Reading, Variables } from './reading.ts';
import type { GatewayFile, Sections } from './schema/gateway.ts';
import type { Source } from './yaml.ts';
import { crossCheck } from './checks/cross.ts';
import { createFileReader, realFiles, resolveFile } from './files.ts';
import { checkKubeletCredentials } from './checks/kubelet-credentials.ts';
import { checkMinting, checkMintingFiles } from './checks/minting.ts';
import { toSuggestion } from './nearest.ts';
import { createFindings } from './problem.ts';
import { readAudit } from './read/audit.ts';
import { readAuthentication } from './read/authentication.ts';
import { readAuthorization } from './read/authorization.ts';
import { readCredentials } from './read/credentials.ts';
import { readAdmin, readListeners } from './read/listeners.ts';
import { readLogin } from './read/login.ts';
import { readNodes } from './read/nodes.ts';
import { readRecording } from './read/recording.ts';
import { check } from './schema/check.ts';
import { SECTIONS } from './schema/gateway.ts';
import { parseOneYaml } from './yaml.ts';

export interface LoadOptions {
  readonly files?: Files;
  /** Milliseconds since the epoch by which certificates are judged. */
  readonly now?: number;
  /** Default: those of the process. */
  readonly variables?: Variables;
  /** Also read the files of kubelet credentials, which a running gateway reads by itself. */
  readonly checkCredentialFiles?: boolean;
}

export type LoadResult = {
  readonly warnings: readonly Problem[];
  /** Every file that was looked at, readable or not: a change of any of them may change the outcome. */
  readonly files: readonly string[];
} & (
  | { readonly ok: true; readonly configuration: GatewayConfiguration }
  | { readonly ok: false; readonly problems: readonly Problem[] }
);

/** Loads a configuration file. Never rejects: what cannot be read is a problem among the others. */
export async function loadConfiguration(name: string, options: LoadOptions = {}): Promise<LoadResult> {
  const file = resolve(name);
  const findings = createFindings();
  const { files: from = realFiles, now = Date.now(), variables = process.env } = options;
  const files = createFileReader(from, findings);
  const text = await files.read(file, { file, lineOf: () => undefined }, []);
  const source = text === undefined ? undefined : parseOneYaml(file, text, findings);
  let configuration: GatewayConfiguration | undefined;
  if (source !== undefined) {
    const folder = dirname(file);
    const sections = await checkSections(source, findings, {
      lookFor: (value, path) => lookForFiles(value, path, source, folder, files),
    });
    crossCheck(sections, source, findings);
    const unwatched = createFileReader(from, findings);
    const reading: Reading = { source, folder, files, unwatched, findings, now, variables };
    configuration = await readSections(sections, reading);
    if (configuration !== undefined) checkMinting(configuration, reading);
    if (options.checkCredentialFiles === true) {
      await checkKubeletCredentials(sections, reading, from);
      await checkMintingFiles(sections, configuration, reading, from);
    }
  }
  const problems = inOrder(findings.problems, file);
  const outcome = { warnings: inOrder(findings.warnings, file), files: [...files.seen] };
  return configuration === undefined || problems.length > 0
    ? { ok: false, problems, ...outcome }
    : { ok: true, configuration, ...outcome };
}

/** The sections that are as they should be, but for keys that nobody knows. */
async function checkSections(source: Source, findings: Findings, files: SectionFiles): Promise<Sections> {
  const { value } = source;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    findings.problem(source, [], 'the file must hold a mapping with apiVersion, kind and the sections');
    return {};
  }
  const given = new Map<string, unknown>(Object.entries(value));
  for (const key of given.keys()) {
    if (Object.hasOwn(SECTIONS, key)) continue;
    findings.problem(source, [key], `unknown key${toSuggestion(key, Object.keys(SECTIONS))}`);
  }
  const sections: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(SECTIONS)) {
    const section = check(schema, given.get(key), source, [key], findings);
    if (section !== undefined) sections[key] = section;
    // A section with a mistake is not read; that a file of it is missing can be said all the same.
    else if (key !== 'credentials') await files.lookFor(given.get(key), [key]);
  }
  return sections;
}

interface SectionFiles {
  lookFor(value: unknown, path: Path): Promise<void>;
}

/** Reads the files that a part of the document names, whatever else is wrong with it. */
async function lookForFiles(
  value: unknown,
  path: Path,
  source: Source,
  folder: string,
  files: FileReader,
): Promise<void> {
  if (typeof value !== 'object' || value === null) return;
  const entries: readonly (readonly [string | number, unknown])[] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value);
  for (const [key, inner] of entries) {
    const at = [...path, key];
    const names =
      /File$/.test(String(key)) || path.at(-1) === 'manifestFiles' || path.at(-1) === 'cookieKeyFiles';
    if (typeof inner !== 'string') await lookForFiles(inner, at, source, folder, files);
    else if (names && inner !== '') await files.read(resolveFile(folder, inner), source, at);
  }
}

/** The configuration; undefined when a section could not be read. Sections are read whatever the others hold. */
async function readSections(sections: Sections, reading: Reading): Promise<GatewayConfiguration | undefined> {
  const [listeners, admin, authentication, authorization, nodes, credentials, audit, recording] =
    await Promise.all([
      sections.listeners && readListeners(sections.listeners, reading),
      sections.admin && readAdmin(sections.admin, reading),
      sections.authentication && readAuthentication(sections.authentication, reading),
      sections.authorization && readAuthorization(sections.authorization, reading),
      sections.nodes && readNodes(sections.nodes, reading),
      sections.credentials && readCredentials(sections.credentials, reading),
      sections.audit && readAudit(sections.audit, reading),
      sections.recording && readRecording(sections.recording, reading),
    ]);
  const login = sections.login && (await readLogin(sections.login, authentication, reading));
  const { credentialMappings, endpoints, forwarding, sessions, shutdown, log } = sections;
  if (!listeners || !admin || !authentication || !authorization || !nodes || !audit) return undefined;
  if (!credentials || !credentialMappings || !endpoints || !forwarding || !sessions || !shutdown || !log) {
    return undefined;
  }
  return {
    listeners,
    admin,
    authentication,
    authorization,
    nodes,
    credentials,
    credentialMappings,
    endpoints,
    forwarding: {
      connectTimeoutMs: forwarding.connectTimeout,
      answerTimeoutMs: forwarding.answerTimeout,
      keepAliveTimeoutMs: forwarding.keepAliveTimeout,
      maxConnectionsPerNode: forwarding.maxConnectionsPerNode,
      runTimeoutMs: forwarding.runTimeout,
      checkpointTimeoutMs: forwarding.checkpointTimeout,
      profileTimeoutMs: forwarding.profileTimeout,
    },
    sessions: toSessions(sessions),
    audit,
    ...(recording === undefined
      ? {}
      : {
          recording: {
            ...recording,
            longestSessionMs: toLongest(toSessions(sessions), forwarding.runTimeout),
          },
        }),
    sessionPolicy: sections.sessionPolicy?.rules ?? [],
    stepUp: (sections.stepUp?.rules ?? []).map(({ maxAge, ...rule }) => ({
      ...rule,
      ...(maxAge === undefined ? {} : { maxAgeMs: maxAge }),
    })),
    ...(login === undefined ? {} : { login }),
    recheck: { intervalMs: sessions.recheckInterval, graceMs: sessions.recheckGrace },
    shutdown: { graceMs: shutdown.grace },
    log,
  };
}

/** No session that is recorded outlasts this, in milliseconds. */
const toLongest = ({ default: other, exec, attach, portForward }: SessionSettings, runMs: number): number =>
  Math.max(runMs, ...[other, exec, attach, portForward].map(({ absoluteMs }) => absoluteMs));

function toSessions(sessions: GatewayFile['sessions']): SessionSettings {
  const { idle: idleMs, absolute: absoluteMs } = sessions.default;
  const limits = (own: { readonly idle?: number; readonly absolute?: number }) => ({
    idleMs: own.idle ?? idleMs,
    absoluteMs: own.absolute ?? absoluteMs,
  });
  return {
    default: { idleMs, absoluteMs },
    exec: limits(sessions.exec),
    attach: limits(sessions.attach),
    portForward: limits(sessions.portForward),
    containerLogs: limits(sessions.containerLogs),
    credentialExpiryGraceMs: sessions.credentialExpiryGrace,
  };
}

/** Those of the main file first, each file's by line: the order in which a reader would mend them. */
const inOrder = (problems: readonly Problem[], main: string): readonly Problem[] =>
  problems.toSorted(
    (a, b) =>
      Number(b.file === main) - Number(a.file === main) ||
      a.file.localeCompare(b.file) ||
      (a.line ?? 0) - (b.line ?? 0) ||
      a.path.localeCompare(b.path),
  );
