// Where the value of a header line begins and ends: without the spaces and tabs around it (RFC 9110 §5.5).

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
