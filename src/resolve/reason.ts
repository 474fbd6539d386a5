// Why somebody opens a session, in their own words: the header `Kubelet-Gateway-Reason` or the query parameter `reason`.
// It is for the audit log alone and goes no further: neither is among what is sent to a node.

import type { HeaderLines } from '../core/headers.ts';
import { Fault } from '../core/fault.ts';
import type { Parameters } from './parameters.ts';

const HEADER = 'kubelet-gateway-reason';
const PARAMETER = 'reason';
const MAX_LENGTH = 512;

/**
 * Control characters, line separators, and what shows nothing (among it what turns the direction of the text around it,
 * UAX #9), but for what joins or parts letters and chooses between forms of one.
 */
const UNPRINTABLE =
  /(?![\u034f\u200c\u200d\ufe0e\ufe0f])[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/u;
/** What consists of spaces and points is no reason. */
const SAYS_SOMETHING = /[\p{L}\p{N}]/u;
/** A header has no encoding: what is not ASCII means something else to everybody (RFC 9110 §5.5). */
const ASCII = /^[\x20-\x7e]*$/;

/** Undefined when none is given. Throws BadRequest for one that is too long, empty, unprintable, or given twice. */
export function readReason(headers: HeaderLines, parameters: Parameters): string | undefined {
  const fromQuery = parameters.one(PARAMETER);
  const lines = headers.all(HEADER);
  if (lines.length + (fromQuery === undefined ? 0 : 1) > 1) throw bad('is given more than once');
  const [fromHeader] = lines;
  if (fromHeader !== undefined && !ASCII.test(fromHeader)) {
    throw bad('has characters that are not ASCII: send it as the query parameter');
  }
  const reason = (fromQuery ?? fromHeader)?.trim();
  if (reason === undefined) return undefined;
  if (reason === '') throw bad('is empty');
  if (reason.length > MAX_LENGTH) throw bad(`is longer than ${MAX_LENGTH} characters`);
  if (UNPRINTABLE.test(reason)) throw bad('has characters that cannot be printed');
  if (!SAYS_SOMETHING.test(reason)) throw bad('has neither a letter nor a digit in it');
  return reason;
}

const bad = (rule: string): Fault => new Fault('BadRequest', `the reason ${rule}`);
