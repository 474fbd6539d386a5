// A file of certificate authorities, read and checked.

import type { Path } from '../problem.ts';
import type { Reading } from '../reading.ts';
import { checkAuthorities } from '../checks/certificates.ts';
import { resolveFile } from '../files.ts';

/** The PEM text; undefined when there is a problem with it, which has been told. */
export async function readAuthorities(
  name: string,
  { source, folder, files, findings, now }: Reading,
  path: Path,
): Promise<string | undefined> {
  const pem = await files.read(resolveFile(folder, name), source, path);
  if (pem === undefined) return undefined;
  const { problems, warnings } = checkAuthorities(pem, now);
  for (const message of problems) findings.problem(source, path, message);
  for (const message of warnings) findings.warning(source, path, message);
  return problems.length > 0 ? undefined : pem;
}
