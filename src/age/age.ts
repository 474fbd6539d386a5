// Encryption to recipients in the age format (age-encryption.org/v1), which the stock `age` tool reads. The library is
// loaded when something is encrypted or decrypted, and not before.

import type { Decrypter, Encrypter } from 'age-encryption';

export type Encrypt = (plain: ReadableStream<Uint8Array>) => Promise<ReadableStream<Uint8Array>>;
/** Rejects when no identity fits, and the stream fails where the file was changed or cut. */
export type Decrypt = (file: ReadableStream<Uint8Array>) => Promise<ReadableStream<Uint8Array>>;

/** Encrypts each file to all of `recipients` (`age1…`). Rejects with an Error that names the one that is none. */
export async function createEncrypt(recipients: readonly string[]): Promise<Encrypt> {
  if (recipients.length === 0) throw new Error('there are no recipients');
  const { Encrypter } = await import('age-encryption');
  const encrypter: Encrypter = new Encrypter();
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch (error) {
      throw new Error(`${recipient} is no recipient of age`, { cause: error });
    }
  }
  return (plain) => encrypter.encrypt(plain);
}

/** `identities`: text of an identity file of `age-keygen`. Rejects with an Error that does not repeat it. */
export async function createDecrypt(identities: string): Promise<Decrypt> {
  const { Decrypter } = await import('age-encryption');
  const decrypter: Decrypter = new Decrypter();
  const lines = toLines(identities);
  if (lines.length === 0) throw new Error('there is no identity in the file');
  for (const [index, line] of lines.entries()) {
    try {
      decrypter.addIdentity(line);
    } catch {
      // The cause would hold the identity.
      throw new Error(`identity ${index + 1} of the file is none of age (AGE-SECRET-KEY-1…)`);
    }
  }
  return (file) => decrypter.decrypt(file);
}

/** The lines of a file of recipients or identities that are not empty and no comments. */
export const toLines = (text: string): readonly string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
