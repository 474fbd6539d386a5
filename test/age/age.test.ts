// Encryption in the age format: what is refused, and that files are the stock tool's.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { createDecrypt, createEncrypt, toLines } from '../../src/age/age.ts';

const toStream = (bytes: Uint8Array): ReadableStream<Uint8Array> => new Blob([Buffer.from(bytes)]).stream();
const toBytes = async (stream: ReadableStream<Uint8Array>): Promise<Buffer> =>
  Buffer.from(await new Response(stream).arrayBuffer());

describe('age', () => {
  it('decrypts for each of the recipients, and for nobody else', async () => {
    const [one, two, other] = await Promise.all([generateIdentity(), generateIdentity(), generateIdentity()]);
    const encrypt = await createEncrypt(await Promise.all([one, two].map(identityToRecipient)));
    const plain = Buffer.alloc(200_000, 'text ');
    const file = await toBytes(await encrypt(toStream(plain)));
    assert.ok(!file.includes('text '));
    for (const identity of [one, two]) {
      const decrypt = await createDecrypt(`# comment\n\n${identity}\n`);
      assert.deepEqual(await toBytes(await decrypt(toStream(file))), plain);
    }
    await assert.rejects((await createDecrypt(other))(toStream(file)), /no identity matched/);
  });

  it('notices what was changed or cut', async () => {
    const identity = await generateIdentity();
    const encrypt = await createEncrypt([await identityToRecipient(identity)]);
    const file = await toBytes(await encrypt(toStream(Buffer.alloc(100_000, 1))));
    const decrypt = await createDecrypt(identity);
    const changed = Buffer.from(file);
    changed.writeUInt8(changed.readUInt8(changed.length - 1) ^ 1, changed.length - 1);
    await assert.rejects(async () => toBytes(await decrypt(toStream(changed))));
    await assert.rejects(async () => toBytes(await decrypt(toStream(file.subarray(0, -1)))));
    await assert.rejects(async () => toBytes(await decrypt(toStream(file.subarray(0, 40)))));
  });

  it('refuses what is no recipient or identity, and repeats no identity', async () => {
    await assert.rejects(createEncrypt([]), /there are no recipients/);
    await assert.rejects(createEncrypt(['age1nonsense']), /age1nonsense is no recipient of age/);
    await assert.rejects(createDecrypt('# nothing\n'), /there is no identity in the file/);
    const identity = (await generateIdentity()).slice(0, -1);
    await assert.rejects(createDecrypt(identity), (error) => {
      assert.ok(error instanceof Error && !error.message.includes(identity.slice(16)));
      return error.cause === undefined && /identity 1 of the file/.test(error.message);
    });
  });

  it('reads files of lines as age does', () => {
    assert.deepEqual(toLines('# c\n age1a \r\n\nage1b'), ['age1a', 'age1b']);
  });
});
