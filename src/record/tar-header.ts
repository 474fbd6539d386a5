// The header blocks of tar archives: POSIX ustar and pax (POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended
// Header"), GNU's (the manual's "Basic Tar Format"), and those of the seventies. They are read as GNU tar and Go's
// archive/tar read them when they extract, and what is not a header is none: nothing here throws.

export const BLOCK_BYTES = 512;

/** What a header block says. Of those that only speak about the next one, `type` is one of `EXTENSIONS`. */
export interface TarHeader {
  readonly type: string;
  readonly name: string;
  /** Where a link points. */
  readonly link?: string;
  /** Of what follows the header, without its padding. */
  readonly bytes: number;
  /** Blocks with the places of a sparse file's data come before the data. */
  readonly hasSparseMap: boolean;
}

/** What an extended header says about the entry that it is for. */
export interface TarExtension {
  readonly name?: string;
  readonly link?: string;
  readonly bytes?: number;
}

/** Typeflags by what they are called in a recording. Anything else is `unknown`, and has a body, as with GNU tar. */
const TYPES: Readonly<Record<string, string>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
  '7': 'contiguous-file',
  S: 'sparse-file',
  D: 'dump-directory',
  V: 'volume-label',
  M: 'continued-file',
  L: 'gnu-name',
  K: 'gnu-link',
  x: 'pax',
  X: 'pax',
  g: 'pax-global',
};
export const EXTENSIONS: ReadonlySet<string> = new Set(['gnu-name', 'gnu-link', 'pax', 'pax-global']);
/** Nothing follows them, whatever their size says: it means something else there, or nothing. */
const WITHOUT_BODY: ReadonlySet<string> = new Set([
  'link', 'symlink', 'character-device', 'block-device', 'directory', 'fifo',
]); // prettier-ignore

const CHECKSUM_AT = 148;
const CHECKSUM_END = 156;
const TYPE_AT = 156;
const LINK_AT = 157;
const MAGIC_AT = 257;
const PREFIX_AT = 345;
const PREFIX_END = 500;
/** `ustar` and a NUL. GNU's magic has a space there, and other things where the prefix would be. */
const POSIX_MAGIC = Buffer.from('ustar\0');
const SPARSE_EXTENDED_AT = 482;
const MAP_EXTENDED_AT = 504;

/** Names are cut to it: no path is longer (Linux's PATH_MAX). */
const MAX_NAME = 4096;

/** Undefined: it is no header. A block of zeros is none either: `isEmptyBlock`. */
export function parseHeader(block: Buffer): TarHeader | undefined {
  if (!hasChecksum(block)) return undefined;
  const bytes = toNumber(block.subarray(124, 136));
  if (bytes === undefined) return undefined;
  const prefix = block.subarray(MAGIC_AT, MAGIC_AT + POSIX_MAGIC.length).equals(POSIX_MAGIC)
    ? toText(block.subarray(PREFIX_AT, PREFIX_END))
    : '';
  const rest = toText(block.subarray(0, 100));
  const link = toText(block.subarray(LINK_AT, MAGIC_AT));
  const type = TYPES[String.fromCharCode(block[TYPE_AT] ?? 0)] ?? 'unknown';
  return {
    type,
    name: prefix === '' ? rest : `${prefix}/${rest}`,
    ...(link === '' ? {} : { link }),
    bytes,
    hasSparseMap: type === 'sparse-file' && block[SPARSE_EXTENDED_AT] !== 0,
  };
}

/** The entry that a header and those before it are about. */
export function applyExtensions(header: TarHeader, extensions: readonly TarExtension[]): TarHeader {
  const all = extensions.reduce<TarHeader>((said, extension) => ({ ...said, ...extension }), header);
  // Archives of the seventies, and those of people who want them taken for a file.
  const isFile = all.type === 'file' || all.type === 'contiguous-file';
  const type = isFile && all.name.endsWith('/') ? 'directory' : all.type;
  return { ...all, type, bytes: WITHOUT_BODY.has(type) ? 0 : all.bytes };
}

/** Two of them end an archive. */
export const isEmptyBlock = (block: Buffer): boolean => block.equals(EMPTY);
const EMPTY = Buffer.alloc(BLOCK_BYTES);

/** Of a block of a sparse file's map: whether another follows. */
export const goesOn = (block: Buffer): boolean => block[MAP_EXTENDED_AT] !== 0;

/** The body of a header of one of the `EXTENSIONS`. Undefined: it is malformed. */
export function parseExtension(type: string, body: Buffer): TarExtension | undefined {
  if (type === 'gnu-name') return { name: toText(body) };
  if (type === 'gnu-link') return { link: toText(body) };
  return parsePax(body);
}

/** Records of `LENGTH KEY=VALUE` and a line feed, of which the length counts all. */
function parsePax(body: Buffer): TarExtension | undefined {
  const said = new Map<string, string>();
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(0x20, at);
    const digits = space < 0 || space - at > 7 ? '' : body.toString('latin1', at, space);
    const end = at + (/^[1-9]\d*$/.test(digits) ? Number(digits) : 0);
    const equals = body.indexOf(0x3d, space);
    if (end > body.length || equals < 0 || equals >= end || body[end - 1] !== 0x0a) return undefined;
    said.set(body.toString('utf8', space + 1, equals), cut(body.toString('utf8', equals + 1, end - 1)));
    at = end;
  }
  const name = said.get('GNU.sparse.name') ?? said.get('path') ?? '';
  const link = said.get('linkpath') ?? '';
  const size = said.get('size');
  const bytes = size !== undefined && /^\d{1,16}$/.test(size) ? Number(size) : NaN;
  if (size !== undefined && !Number.isSafeInteger(bytes)) return undefined;
  return {
    ...(name === '' ? {} : { name }),
    ...(link === '' ? {} : { link }),
    ...(size === undefined ? {} : { bytes }),
  };
}

/** The sum of all bytes, those of the sum itself taken for spaces; old programs took them for signed ones. */
function hasChecksum(block: Buffer): boolean {
  const said = toNumber(block.subarray(CHECKSUM_AT, CHECKSUM_END));
  let sum = 0;
  let negative = 0;
  for (let at = 0; at < BLOCK_BYTES; at += 1) {
    const byte = at >= CHECKSUM_AT && at < CHECKSUM_END ? 0x20 : (block[at] ?? 0);
    sum += byte;
    negative += byte >> 7;
  }
  return said === sum || said === sum - 256 * negative;
}

/** Octal digits, or GNU's base 256, of which the first bit says that it is one and the second that it is negative. */
function toNumber(field: Buffer): number | undefined {
  if (((field[0] ?? 0) & 0x80) === 0) {
    const digits = toText(field).trim();
    return /^[0-7]*$/.test(digits) ? Number.parseInt(`0${digits}`, 8) : undefined;
  }
  let value = (field[0] ?? 0) & 0x7f;
  for (const byte of field.subarray(1)) value = value * 256 + byte;
  return Number.isSafeInteger(value) ? value : undefined;
}

function toText(field: Buffer): string {
  const end = field.indexOf(0);
  return cut(field.toString('utf8', 0, end < 0 ? field.length : end));
}

/** No character is cut in two: players refuse half of one. */
const cut = (text: string): string => text.slice(0, MAX_NAME).toWellFormed();
