// kubelet-gateway pfx: turns a certificate and its key into a file that a browser imports, for people who want to sign in
// with a certificate there.

import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Command } from './command.ts';
import { EXIT_FAILURE, EXIT_OK, UsageError } from './command.ts';

/** Short passwords make the encryption of a file that leaves the machine worthless. */
const MIN_PASSWORD = 8;

export const pfxCommand: Command = {
  name: 'pfx',
  synopsis: '--certificate FILE --key FILE --password-file FILE --output FILE [--name NAME]',
  summary: 'Turn a certificate and its key into a PKCS #12 file that a browser imports.',
  async run(args, terminal) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        certificate: { type: 'string' },
        key: { type: 'string' },
        'password-file': { type: 'string' },
        output: { type: 'string' },
        name: { type: 'string' },
      },
    });
    const { certificate, key, 'password-file': passwordFile, output, name = 'kubelet-gateway' } = values;
    if (certificate === undefined || key === undefined) throw new UsageError('needs --certificate and --key');
    if (passwordFile === undefined)
      throw new UsageError('needs --password-file: the file is encrypted with it');
    if (output === undefined) throw new UsageError('needs --output, the file to write');
    const [certificates, privateKey, password] = await Promise.all([
      read(certificate),
      read(key),
      read(passwordFile).then((text) => text.replace(/\r?\n$/, '')),
    ]);
    if (password.length < MIN_PASSWORD)
      throw new UsageError(`the password must have ${MIN_PASSWORD} characters`);
    try {
      const { toPkcs12 } = await import('../pki/pkcs12.ts');
      const file = await toPkcs12({ certificates, privateKey, password, name });
      await writeFile(output, file, { mode: 0o600, flag: 'wx' });
    } catch (error) {
      terminal.err(`kubelet-gateway pfx: ${toReason(error, output)}\n`);
      return EXIT_FAILURE;
    }
    terminal.out(
      `${output}: import it in the browser's settings (certificates, yours), and delete it then\n`,
    );
    return EXIT_OK;
  },
};

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`${file} cannot be read`, { cause });
  }
}

function toReason(error: unknown, output: string): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && error.code === 'EEXIST' ? `${output} is there already` : error.message;
}
