// What is in a tar archive that passes by: names, kinds and sizes, told while the bytes that say so are looked at. Bodies
// are passed over and nothing is waited for, so that an archive that ends in the middle, or is made to confuse, ends its
// listing and nothing else. Bounded: an extended header that is longer than MAX_HEADER_BYTES ends it too.

import type { TarExtension, TarHeader } from './tar-header.ts';
import {
  BLOCK_BYTES,
  EXTENSIONS,
  applyExtensions,
  goesOn,
  isEmptyBlock,
  parseExtension,
  parseHeader,
} from './tar-header.ts';

export interface TarEntry {
  readonly name: string;
  readonly type: string;
  readonly bytes: number;
  /** Where a link points. */
  readonly link?: string;
}

export interface TarReader {
  onEntry(entry: TarEntry): void;
  /** Called once; nothing follows. */
  onProblem(problem: string): void;
}

export const MAX_HEADER_BYTES = 256 * 1024;
const MALFORMED = 'the archive is cut short or malformed';

/** What is collected before it is looked at: a header block, one of a sparse file's map, or the body of an extended header. */
type Wanted =
  | { readonly kind: 'header' }
  | { readonly kind: 'map'; readonly bodyBytes: number }
  | { readonly kind: 'extension'; readonly type: string; readonly bytes: number };

const HEADER: Wanted = { kind: 'header' };

export class TarListing {
  readonly #reader: TarReader;
  #wanted = HEADER;
  /** So much of it came in pieces, in the memory that all of it needs: pieces of one byte cost no more than others. */
  #begun: Buffer | undefined;
  #missing = BLOCK_BYTES;
  /** Of a body that is passed over. */
  #passing = 0;
  /** For every entry from here on. */
  #global: TarExtension = {};
  /** For the next entry: what GNU's headers say, which pax's overrule. */
  #gnu: TarExtension = {};
  #pax: TarExtension = {};
  #over = false;

  constructor(reader: TarReader) {
    this.#reader = reader;
  }

  /** Nothing of it is kept but what is unfinished, as a copy. */
  write(data: Buffer): void {
    for (let at = 0; at < data.length && !this.#over;) {
      if (this.#passing > 0) {
        const passed = Math.min(this.#passing, data.length - at);
        this.#passing -= passed;
        at += passed;
        continue;
      }
      const part = data.subarray(at, at + this.#missing);
      at += part.length;
      const whole = this.#collect(part);
      if (whole !== undefined) this.#look(whole);
    }
  }

  /** Nothing more comes. */
  end(): void {
    const isBetween = this.#wanted === HEADER && this.#missing === BLOCK_BYTES && this.#passing === 0;
    if (!isBetween) this.#stop(MALFORMED);
  }

  /** What is wanted, when nothing is missing any more. */
  #collect(part: Buffer): Buffer | undefined {
    const length = (this.#begun?.length ?? this.#missing) - this.#missing;
    const isWhole = part.length === this.#missing;
    if (isWhole && length === 0) return part;
    this.#begun ??= Buffer.allocUnsafeSlow(this.#missing);
    part.copy(this.#begun, length);
    this.#missing -= part.length;
    if (!isWhole) return undefined;
    const whole = this.#begun;
    this.#begun = undefined;
    return whole;
  }

  #look(bytes: Buffer): void {
    const wanted = this.#wanted;
    this.#want(HEADER, BLOCK_BYTES);
    switch (wanted.kind) {
      case 'header':
        if (!isEmptyBlock(bytes)) this.#header(parseHeader(bytes));
        return;
      case 'map':
        if (goesOn(bytes)) this.#want(wanted, BLOCK_BYTES);
        else this.#passing = toPadded(wanted.bodyBytes);
        return;
      case 'extension':
        this.#extension(wanted.type, bytes.subarray(0, wanted.bytes));
        return;
    }
  }

  #want(wanted: Wanted, bytes: number): void {
    this.#wanted = wanted;
    this.#missing = bytes;
  }

  #header(header: TarHeader | undefined): void {
    if (header === undefined) this.#stop(MALFORMED);
    else if (!EXTENSIONS.has(header.type)) this.#entry(header);
    else if (header.bytes > MAX_HEADER_BYTES) this.#stop('the archive has a header that is too long');
    else if (header.bytes > 0) {
      this.#want({ kind: 'extension', type: header.type, bytes: header.bytes }, toPadded(header.bytes));
    }
  }

  #extension(type: string, body: Buffer): void {
    const said = parseExtension(type, body);
    if (said === undefined) this.#stop(MALFORMED);
    else if (type === 'pax-global') this.#global = { ...this.#global, ...said };
    else if (type === 'pax') this.#pax = said;
    else this.#gnu = { ...this.#gnu, ...said };
  }

  #entry(header: TarHeader): void {
    const { type, name, link, bytes, hasSparseMap } = applyExtensions(header, [
      this.#global,
      this.#gnu,
      this.#pax,
    ]);
    this.#gnu = {};
    this.#pax = {};
    if (hasSparseMap) this.#want({ kind: 'map', bodyBytes: bytes }, BLOCK_BYTES);
    else this.#passing = toPadded(bytes);
    this.#reader.onEntry({ name, type, bytes, ...(link === undefined ? {} : { link }) });
  }

  #stop(problem: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#begun = undefined;
    this.#reader.onProblem(problem);
  }
}

/** With what fills its last block. */
const toPadded = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
