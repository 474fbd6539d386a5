// Checks the files of kubelet credentials for check-config. `credential/` reads them when the gateway runs.

import type { Path } from '../problem.ts';
import type { Reading } from '../reading.ts';
import type { Sections } from '../schema/gateway.ts';
import { checkPair } from './certificates.ts';
import { createFileReader, resolveFile } from '../files.ts';
import type { Files } from '../files.ts';
import { nodesOf } from './mapping.ts';

/** Reads every file of every credential, once for each node that rules can show it to where `{node}` is in the name. */
export async function checkKubeletCredentials(
  sections: Sections,
  reading: Reading,
  files: Files,
): Promise<void> {
  // A reader of its own: these files are not part of the configuration, and changing them reloads nothing.
  const reader = createFileReader(files, reading.findings);
  const { source, folder, findings, now } = reading;
  for (const [index, credential] of (sections.credentials ?? []).entries()) {
    if (credential.kind !== 'certificate' && credential.kind !== 'bearerToken') continue;
    const path = ['credentials', index];
    const names = Object.entries(credential).filter(([key]) => key.endsWith('File'));
    const perNode = names.some(([, name]) => name.includes('{node}'));
    for (const node of perNode ? nodesOf(credential.name, sections) : ['']) {
      const read = (name: string, key: Path): Promise<string | undefined> =>
        reader.read(resolveFile(folder, name.replaceAll('{node}', node)), source, [...path, ...key]);
      if (credential.kind === 'bearerToken') {
        const token = await read(credential.bearerTokenFile, ['bearerTokenFile']);
        if (token?.trim() === '') findings.problem(source, [...path, 'bearerTokenFile'], 'the file is empty');
        continue;
      }
      const certificate = await read(credential.certificateFile, ['certificateFile']);
      const key = await read(credential.privateKeyFile, ['privateKeyFile']);
      if (certificate === undefined || key === undefined) continue;
      const { problems, warnings } = checkPair(certificate, key, now);
      const where = node === '' ? '' : ` (node ${node})`;
      for (const message of problems) findings.problem(source, path, message + where);
      for (const message of warnings) findings.warning(source, path, message + where);
    }
  }
}
