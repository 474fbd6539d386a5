// What the doctor says: findings, each with what was seen, why it matters and what to do. Promises: text of a node is cut
// and cleaned before it is part of one, so that no node writes on the operator's terminal.

export const SEVERITIES = ['critical', 'error', 'warning', 'info'] as const;

/**
 * `critical`: something undoes the gateway. `error`: the node cannot be used. `warning`: it can, and should not stay so.
 * `info`: what was looked at and is fine, or could not be looked at.
 */
export type Severity = (typeof SEVERITIES)[number];

export interface Finding {
  /** Of a closed set, for programs: `certificate-expired`. */
  readonly id: string;
  readonly severity: Severity;
  readonly what: string;
  readonly why: string;
  readonly todo: string;
}

/** Something that is fine, or that could not be looked at. */
export const info = (id: string, what: string): Finding => ({
  id,
  severity: 'info',
  what,
  why: '',
  todo: '',
});

/** Whether an operator has something to do. */
export const isProblem = ({ severity }: Finding): boolean => severity !== 'info';

const MAX_QUOTE_LENGTH = 300;

/** Somebody else's text as one line in quotes, without anything that a terminal obeys. */
export function quoteForeign(text: string): string {
  const cut = text.length > MAX_QUOTE_LENGTH ? `${text.slice(0, MAX_QUOTE_LENGTH)}…` : text;
  return `"${toPlain(cut.trim())}"`;
}

/** Control and format characters, separators and lone surrogates become U+FFFD; line feeds become spaces. */
export const toPlain = (text: string): string =>
  text.replace(/\s+/g, ' ').replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '\uFFFD');
