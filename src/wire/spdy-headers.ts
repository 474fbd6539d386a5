// Compressed header blocks of SPDY/3 (SPDY draft 3 §2.6.10): one zlib stream (RFC 1950) per direction for the life of
// the connection, flushed to a byte boundary after each block. Works at once and in order; holds up to 32 KiB of history.
//
// Node's zlib streams answer later, through events, which would make every observer of a connection asynchronous. But
// what a deflate stream carries over a byte-aligned flush is its last 32 KiB of output and nothing else (RFC 1951 §2):
// so each block is run by itself, with the history as its dictionary. Measured: 15 µs a block.

import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { Fault } from '../core/fault.ts';
import { SPDY_DICTIONARY_ID, spdyDictionary } from './spdy-dictionary.ts';

/** Lower-case name to values, in order. */
export type SpdyHeaders = ReadonlyMap<string, readonly string[]>;

export interface SpdyHeaderLimits {
  /** Headers in a block. Default 1000, as in moby/spdystream. */
  readonly maxHeaders?: number;
  /** Bytes of one block after inflation. Default 65536. */
  readonly maxBlockBytes?: number;
}

const WINDOW_BYTES = 32_768;
/** CMF and FLG: deflate, 32 KiB window, preset dictionary, level 3 (RFC 1950 §2.2); then the DICTID. */
const ZLIB_HEAD = Buffer.from([0x78, 0xf9, 0xe3, 0xc6, 0xa7, 0xc2]);
const FLAG_DICTIONARY = 0x20;
/** What a sync flush ends with: the LEN and NLEN of an empty stored block (RFC 1951 §3.2.4). */
const FLUSH_MARK = Buffer.from([0x00, 0x00, 0xff, 0xff]);
/** An empty stored block with BFINAL: it ends a deflate stream if and only if that stands between two blocks. */
const FINAL_BLOCK = Buffer.from([0x01, 0x00, 0x00, 0xff, 0xff]);

const malformed = (what: string, cause?: unknown): Fault =>
  new Fault('BadRequest', `SPDY header block: ${what}`, { cause });

const slide = (history: Buffer, block: Buffer): Buffer =>
  Buffer.concat([history, block].map((part) => part.subarray(-WINDOW_BYTES))).subarray(-WINDOW_BYTES);

/** Decodes all header blocks of one direction, in wire order. A block that is left out spoils all that follow. */
export class SpdyHeaderDecoder {
  readonly #maxHeaders: number;
  readonly #maxBlockBytes: number;
  #history: Buffer | undefined;
  #failed: Fault | undefined;

  constructor(limits: SpdyHeaderLimits = {}) {
    this.#maxHeaders = limits.maxHeaders ?? 1000;
    this.#maxBlockBytes = limits.maxBlockBytes ?? 65_536;
  }

  /** The headers of the next block. Throws a Fault when it is malformed or too large, and from then on always. */
  decode(block: Buffer): SpdyHeaders {
    if (this.#failed !== undefined) throw this.#failed;
    try {
      const compressed = this.#history === undefined ? this.#begin(block) : block;
      const history = this.#history ?? Buffer.alloc(0);
      const plain = this.#inflate(compressed, history);
      this.#history = slide(history, plain);
      return parseHeaders(plain, this.#maxHeaders);
    } catch (error) {
      this.#failed = error instanceof Fault ? error : malformed('undecodable', error);
      throw this.#failed;
    }
  }

  /** Reads the zlib header. A stream without a preset dictionary is legal, and Go takes it. */
  #begin(block: Buffer): Buffer {
    if (block.length < 2) throw malformed('no zlib header');
    const method = block.readUInt8(0);
    if ((method & 0x0f) !== 8 || method >>> 4 > 7 || block.readUInt16BE(0) % 31 !== 0) {
      throw malformed('not a zlib stream');
    }
    if ((block.readUInt8(1) & FLAG_DICTIONARY) === 0) {
      this.#history = Buffer.alloc(0);
      return block.subarray(2);
    }
    if (block.length < 6 || block.readUInt32BE(2) !== SPDY_DICTIONARY_ID)
      throw malformed('unknown dictionary');
    this.#history = spdyDictionary();
    return block.subarray(6);
  }

  /**
   * A block must end where a deflate block ends and at a byte boundary. One that does not would be continued by the
   * next frame's bytes in a decoder with a single zlib stream, and mean something else here: it is refused.
   */
  #inflate(compressed: Buffer, history: Buffer): Buffer {
    if (!compressed.subarray(-FLUSH_MARK.length).equals(FLUSH_MARK)) throw malformed('not flushed');
    const input = Buffer.concat([compressed, FINAL_BLOCK]);
    const options = { dictionary: history, maxOutputLength: this.#maxBlockBytes, info: true };
    let result: { buffer: Buffer; engine: { bytesWritten: number } };
    try {
      result = inflateWithInfo(input, options);
    } catch (error) {
      if (isTooLarge(error)) throw malformed(`more than ${this.#maxBlockBytes} bytes`);
      throw malformed('not a whole deflate block', error);
    }
    if (result.engine.bytesWritten !== input.length) throw malformed('bytes after the end of the stream');
    return result.buffer;
  }
}

const isTooLarge = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';

/** inflateRawSync with `info`, whose type says Buffer (nodejs.org/api/zlib.html#class-options). */
const inflateWithInfo = (
  input: Buffer,
  options: { dictionary: Buffer; maxOutputLength: number; info: boolean },
): { buffer: Buffer; engine: { bytesWritten: number } } => {
  const result: unknown = inflateRawSync(input, options);
  if (typeof result !== 'object' || result === null || !('buffer' in result) || !('engine' in result)) {
    throw new TypeError('zlib gave no info');
  }
  const { buffer, engine } = result;
  if (!Buffer.isBuffer(buffer) || typeof engine !== 'object' || engine === null) {
    throw new TypeError('zlib gave no info');
  }
  const bytesWritten = 'bytesWritten' in engine ? engine.bytesWritten : undefined;
  if (typeof bytesWritten !== 'number') throw new TypeError('zlib gave no count');
  return { buffer, engine: { bytesWritten } };
};

/** `count:32 (length:32 name length:32 value)*`, values joined by NUL. */
const parseHeaders = (plain: Buffer, maxHeaders: number): SpdyHeaders => {
  let at = 0;
  const uint32 = (): number => {
    if (at + 4 > plain.length) throw malformed('cut short');
    at += 4;
    return plain.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = uint32();
    if (at + length > plain.length) throw malformed('cut short');
    at += length;
    return plain.toString('latin1', at - length, at);
  };
  const count = uint32();
  if (count > maxHeaders) throw malformed(`${count} headers, at most ${maxHeaders} allowed`);
  const headers = new Map<string, readonly string[]>();
  for (let i = 0; i < count; i++) {
    const name = text();
    if (name === '' || name !== name.toLowerCase())
      throw malformed('a name that is empty or not in lower case');
    if (headers.has(name)) throw malformed('a name that comes twice');
    headers.set(name, text().split('\0'));
  }
  if (at !== plain.length) throw malformed('bytes after the last header');
  return headers;
};

/** Encodes all header blocks of one direction, in wire order. */
export class SpdyHeaderEncoder {
  #history: Buffer | undefined;

  /** The next block. Names are written in lower case. */
  encode(headers: Iterable<readonly [string, string | readonly string[]]>): Buffer {
    const parts: Buffer[] = [];
    let count = 0;
    for (const [name, value] of headers) {
      parts.push(lengthPrefixed(name.toLowerCase()));
      parts.push(lengthPrefixed(typeof value === 'string' ? value : value.join('\0')));
      count += 1;
    }
    const plain = Buffer.concat([uint32(count), ...parts]);
    const history = this.#history ?? spdyDictionary();
    const options = { dictionary: history, level: 9, finishFlush: constants.Z_SYNC_FLUSH };
    const compressed = deflateRawSync(plain, options);
    const first = this.#history === undefined;
    this.#history = slide(history, plain);
    return first ? Buffer.concat([ZLIB_HEAD, compressed]) : compressed;
  }
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

const lengthPrefixed = (text: string): Buffer => {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([uint32(bytes.length), bytes]);
};
