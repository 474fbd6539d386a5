// A line of a port-forward that is followed, for people. Its text is the node's in part, and acts on no terminal.

import { count, field, text } from '../../kubectl/untrusted.ts';
import { toInertText } from '../../terminal/inert.ts';

/** Ends in a line feed; empty for a line that says nothing. */
export function toConnectionText(line: unknown): string {
  const words = toWords(line);
  if (words === undefined) return '';
  const seconds = (count(field(line, 'atMs')) / 1000).toFixed(1);
  return `${seconds.padStart(7)}s  ${words}\n`;
}

function toWords(line: unknown): string | undefined {
  const number = (key: string): number => count(field(line, key));
  const which = `port ${number('port')}, connection ${number('connection')}`;
  const bytes = `${number('bytesToNode')} bytes to the pod, ${number('bytesFromNode')} back`;
  switch (field(line, 'event')) {
    case 'open':
      return `${which}: open already, ${bytes}`;
    case 'opened':
      return `${which}: opened`;
    case 'passed':
      return `${which}: ${bytes}`;
    case 'closed':
      return `${which}: closed after ${number('durationMs') / 1000} s, ${bytes}`;
    case 'message':
      return `connection ${number('connection')}: the node says: ${toInertText(text(field(line, 'text')))}`;
    case 'note':
      return toInertText(text(field(line, 'text')));
    default:
      return undefined;
  }
}
