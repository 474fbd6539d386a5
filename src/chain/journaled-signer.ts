// A signer that remembers what it signed, on the disk and before it gives a signature away. Promises: a chain's numbers
// only rise, and no number is signed with two digests, whatever the gateway asks for and however often the signer is
// started again. Its journal is a second sink that the gateway's user need not be able to write to.

import { access } from 'node:fs/promises';
import type { Checkpoint } from './checkpoint.ts';
import { openCheckpointFile } from './checkpoint-file.ts';
import type { CheckpointVerifier, Signer } from './jws.ts';
import { readLines } from './read-lines.ts';

/** The checkpoint contradicts one that was signed before. */
export class SigningRefused extends Error {
  override readonly name = 'SigningRefused';
}

interface Signed {
  readonly sequence: number;
  readonly hash: string;
  readonly jws: string;
}

export interface JournaledSigner extends Signer {
  close(): Promise<void>;
}

/** Rejects when the journal cannot be opened, or holds a line that `verify` does not take. */
export async function openJournaledSigner(
  signer: Signer,
  verify: CheckpointVerifier,
  path: string,
): Promise<JournaledSigner> {
  const file = await openCheckpointFile(path, { fsync: true });
  const last = await readJournal(path, verify).catch(async (error: unknown) => {
    await file.close();
    throw error;
  });
  let turn: Promise<unknown> = Promise.resolve();
  const signNext = async (checkpoint: Checkpoint): Promise<string> => {
    const before = last.get(checkpoint.chain);
    if (before?.sequence === checkpoint.sequence && before.hash === checkpoint.hash) return before.jws;
    if (before !== undefined && checkpoint.sequence <= before.sequence) {
      const what = `line ${checkpoint.sequence} does not follow line ${before.sequence}, which is signed`;
      throw new SigningRefused(`${what}: the log was set back or has forked`);
    }
    // A journal that somebody took away must not be forgotten by going on without.
    await access(path);
    const jws = await signer.sign(checkpoint);
    await file.append(jws);
    last.set(checkpoint.chain, { sequence: checkpoint.sequence, hash: checkpoint.hash, jws });
    return jws;
  };
  return {
    // One at a time: of two that come together only one can be the next.
    sign: (checkpoint) => {
      const signed = turn.then(() => signNext(checkpoint));
      turn = signed.catch(() => undefined);
      return signed;
    },
    close: () => file.close(),
  };
}

async function readJournal(path: string, verify: CheckpointVerifier): Promise<Map<string, Signed>> {
  const last = new Map<string, Signed>();
  for await (const { bytes, number } of readLines(path)) {
    const jws = bytes.toString('latin1');
    const { chain, sequence, hash } = await verify(jws).catch((cause: unknown) => {
      throw new Error(`line ${number} of the journal is not a checkpoint signed by this key`, { cause });
    });
    last.set(chain, { sequence, hash, jws });
  }
  return last;
}
