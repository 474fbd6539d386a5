// What is in a tar archive that passes by (POSIX pax and ustar, GNU; tar-stream): names, kinds and sizes. Bodies are
// passed over. Bounded: a header that is longer than MAX_HEADER_BYTES with all that belongs to it ends the listing.

import { extract } from 'tar-stream';
import type { Header } from 'tar-stream';

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
const MAX_NAME = 4096;

export class TarListing {
  readonly #reader: TarReader;
  readonly #archive = extract();
  readonly #closed: Promise<void>;
  /** Bytes that went in since an entry or a part of a body came out. */
  #unread = 0;
  #over = false;

  constructor(reader: TarReader) {
    this.#reader = reader;
    this.#closed = new Promise((resolve) => this.#archive.on('close', resolve));
    this.#archive.on('entry', (header, body, next) => {
      this.#unread = 0;
      if (!this.#over) this.#reader.onEntry(toEntry(header));
      body.on('data', () => (this.#unread = 0));
      // The archive's own error is told; its bodies repeat it.
      body.on('error', ignore);
      body.on('end', () => next(null));
      body.resume();
    });
    this.#archive.on('error', () => this.#stop('the archive is cut short or malformed'));
  }

  /** A copy of it is looked at later, before anything else happens. */
  write(data: Buffer): void {
    if (this.#over) return;
    this.#unread += data.length;
    this.#archive.write(Buffer.from(data));
    if (this.#unread > MAX_HEADER_BYTES) this.#stop('the archive has a header that is too long');
  }

  /** Resolves when all that was written has been looked at. */
  async end(): Promise<void> {
    if (!this.#over) this.#archive.end(undefined);
    await this.#closed;
  }

  #stop(problem: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#archive.destroy();
    this.#reader.onProblem(problem);
  }
}

const toEntry = ({ name, type, size, linkname }: Header): TarEntry => ({
  name: name.slice(0, MAX_NAME),
  type,
  bytes: Number.isSafeInteger(size) && size > 0 ? size : 0,
  ...(linkname ? { link: linkname.slice(0, MAX_NAME) } : {}),
});

const ignore = (): void => undefined;
