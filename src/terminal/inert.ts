// Text for listings: nothing that a client or a node made up may steer the terminal that it is shown on.

/** Control characters (C0, C1, DEL) and those that reorder or hide text (bidi marks, zero width, line separators). */
const STEERING = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** One line of text without anything that acts. Each such character becomes U+FFFD. */
export const toInertText = (text: string): string => text.replace(STEERING, '\uFFFD');

/** JSON in which every such character within a string is written as an escape. */
export const toInertJson = (value: unknown): string => toInertJsonText(JSON.stringify(value));

/** The same of a line of JSON, which means what it did before; between its strings there may be tabs. What is no JSON is made inert, too. */
export const toInertJsonText = (line: string): string =>
  line.replace(STEERING, (text) =>
    text === '\t'
      ? text
      : text
          .split('')
          .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
          .join(''),
  );
