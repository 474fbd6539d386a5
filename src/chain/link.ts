// The chain of the audit log (docs/audit.md): every line ends with an annotation that names its chain, its number in it
// and the SHA-256 of the line before. Writer and verifier share this file. Promises: the same bytes give the same link.

import { hash, randomBytes } from 'node:crypto';

export interface Link {
  /** 32 hexadecimal digits, made at random when the chain began. */
  readonly chain: string;
  /** From 1, without a gap. */
  readonly sequence: number;
  /** SHA-256 of the line before, without its line end, in hexadecimal. */
  readonly previous: string;
}

/** A line of a chain that is known, by its number and its digest. */
export interface ChainPoint {
  readonly chain: string;
  readonly sequence: number;
  readonly hash: string;
}

const LINK_ANNOTATION = 'chain.kubelet-gateway.io/link';

/** What stands where the first line would name the one before it. */
export const NO_PREVIOUS = '0'.repeat(64);

/** Longer lines are no events of the gateway, whose heads are limited. */
export const MAX_LINE_BYTES = 4 * 1024 * 1024;

const CHAIN_ID = /^[0-9a-f]{32}$/;
const DIGEST = /^[0-9a-f]{64}$/;
/** The end of a line. It is never within another value: there its quotes would be escaped. */
const LINK = /[,{]"chain\.kubelet-gateway\.io\/link":"([0-9a-f]{32}) ([1-9][0-9]{0,15}) ([0-9a-f]{64})"\}\}$/;
/** No link is longer, the annotation's name and the closing braces included. */
const MAX_LINK_BYTES = 160;

/** A UTF-16 code unit is at most this many bytes in UTF-8. */
const MAX_UTF8_BYTES_PER_UNIT = 3;
const QUOTE = 0x22;
const BRACE = 0x7d;

export const isChainId = (text: string): boolean => CHAIN_ID.test(text);
export const isDigest = (text: string): boolean => DIGEST.test(text);

export const createChainId = (): string => randomBytes(16).toString('hex');

/** SHA-256 in hexadecimal. */
export const toDigest = (bytes: string | Uint8Array): string => hash('sha256', bytes, 'hex');

/** The event with its link as its last annotation. The event must end with annotations, of which there is one at least. */
export function toLinkedLine(event: string, link: Link): string {
  if (!event.endsWith('"}}')) throw unlinkable();
  return event.slice(0, -2) + toAnnotation(link);
}

/** Writes the same line into `bytes` at `at` and returns where it ends. There must be room: `linkedSize`. */
export function writeLinkedLine(bytes: Buffer, at: number, event: string, link: Link): number {
  const end = at + bytes.write(event, at);
  const isLinkable =
    end - at >= 3 && bytes[end - 3] === QUOTE && bytes[end - 2] === BRACE && bytes[end - 1] === BRACE;
  if (!isLinkable) throw unlinkable();
  return end - 2 + bytes.write(toAnnotation(link), end - 2, 'latin1');
}

/** How many bytes the event's line may need. */
export const linkedSize = (event: string): number => event.length * MAX_UTF8_BYTES_PER_UNIT + MAX_LINK_BYTES;

const toAnnotation = ({ chain, sequence, previous }: Link): string =>
  `,"${LINK_ANNOTATION}":"${chain} ${sequence} ${previous}"}}`;

const unlinkable = (): Error => new Error('an audit event without annotations cannot be chained');

/** The link of a line without its line end; undefined when it has none. */
export function readLink(line: Buffer): Link | undefined {
  const end = line.toString('latin1', Math.max(0, line.length - MAX_LINK_BYTES));
  const [, chain, digits, previous] = LINK.exec(end) ?? [];
  if (chain === undefined || digits === undefined || previous === undefined) return undefined;
  const sequence = Number(digits);
  return Number.isSafeInteger(sequence) ? { chain, sequence, previous } : undefined;
}
