// kubelet-gateway audit signer: holds the signing key under another user than the gateway's, or on another host behind a
// forwarded socket, and signs each number of a chain once.

import { chmod, lstat, readFile, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createPublicKey } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { Terminal } from '../command.ts';
import { openJournaledSigner } from '../../chain/journaled-signer.ts';
import { createLocalSigner, createVerifier } from '../../chain/jws.ts';
import { createSigningServer } from '../../chain/signing-server.ts';
import { EXIT_OK, EXIT_USAGE, UsageError } from '../command.ts';

/** The gateway's group may ask for signatures; who else may is for the folder's mode to say. */
const SOCKET_MODE = 0o660;

/** Runs until SIGTERM or SIGINT. */
export async function signer(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { key: { type: 'string' }, socket: { type: 'string' }, journal: { type: 'string' } },
  });
  const { key, socket, journal } = values;
  if (key === undefined) throw new UsageError('--key FILE is missing');
  if (socket === undefined) throw new UsageError('--socket PATH is missing');
  if (journal === undefined)
    throw new UsageError('--journal FILE is missing: it is what the signer remembers by');
  let opened;
  try {
    opened = await openSigner(key, journal);
    await clearSocket(socket);
  } catch (error) {
    terminal.err(`the signer cannot start: ${error instanceof Error ? error.message : 'unknown'}\n`);
    return EXIT_USAGE;
  }
  const server = createSigningServer(opened.journaled, (message, checkpoint) =>
    terminal.err(`not signed: ${message}${checkpoint === undefined ? '' : ` (chain ${checkpoint.chain})`}\n`),
  );
  const before = process.umask(0o117);
  server.listen(socket);
  await once(server, 'listening');
  process.umask(before);
  await chmod(socket, SOCKET_MODE);
  terminal.out(`signing with ${opened.kid} at ${socket}\n`);
  await toldToStop();
  server.close();
  server.closeAllConnections();
  await opened.journaled.close();
  return EXIT_OK;
}

async function openSigner(keyFile: string, journal: string) {
  const pem = await readFile(keyFile, 'utf8');
  const local = await createLocalSigner(pem);
  const verify = await createVerifier([
    createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString(),
  ]);
  return { kid: local.kid, journaled: await openJournaledSigner(local, verify, journal) };
}

/** Removes the socket of a signer that is not there any more; never anything else, and never one that answers. */
async function clearSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`${path} is there and is no socket`);
  const answers = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });
  if (answers) throw new Error(`another signer listens at ${path}`);
  await rm(path);
}

function toldToStop(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
}
