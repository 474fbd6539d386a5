// The value of a header line (RFC 9110 §5.5): what may stand in it, and where it begins and ends, without the spaces and
// tabs around it.

const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Whether it can be written as one line, in Latin-1. */
export const isFieldValue = (text: string): boolean => VALUE.test(text);

/** The first character of the value in `text` from `from`, or `to`. */
export function valueStart(text: string, from: number, to: number): number {
  let start = from;
  while (start < to && isWhitespace(text.charCodeAt(start))) start += 1;
  return start;
}

/** Behind the last character of the value in `text` before `to`, or `from`. */
export function valueEnd(text: string, from: number, to: number): number {
  let end = to;
  while (end > from && isWhitespace(text.charCodeAt(end - 1))) end -= 1;
  return end;
}

const isWhitespace = (code: number): boolean => code === 0x20 || code === 0x09;
