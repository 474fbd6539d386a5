// Takes out of a session's output what reaches beyond the screen: clipboard (OSC 52), links (OSC 8), titles, device
// control, requests that a terminal answers, key and mouse modes. A state machine over text that may be cut anywhere
// (the parser of vt100.net/emu/dec_ansi_parser, with C1 controls as their two-character forms). Promises: only whole
// sequences of the allow list come out, so that the terminal is in its ground state whatever came in; memory is bounded.

import { isDrawingControl, isDrawingCsi, isDrawingEscape } from './sequences.ts';

export interface EscapeFilterOptions {
  /**
   * What stands where something was taken out; `what` is `OSC 52`, `DCS`, `CSI c` …, in printable ASCII, at most 24
   * characters. Default: nothing.
   */
  readonly mark?: (what: string) => string;
}

export interface EscapeFilter {
  /** The part of the output that can be shown by now. */
  push(text: string): string;
  /** What was unfinished is taken out. The filter begins anew. */
  end(): string;
}

/** Longer control sequences are nobody's. */
const MAX_SEQUENCE = 256;
/** A string that has no end until here is no string: what follows is shown, so that nothing can be hidden for good. */
const MAX_STRING = 256 * 1024;

type State = 'ground' | 'escape' | 'csi' | 'string';

const STRINGS: Readonly<Record<string, string>> = { ']': 'OSC', P: 'DCS', X: 'SOS', '^': 'PM', _: 'APC' };

const ESC = 0x1b;
const CAN = 0x18;
const SUB = 0x1a;
const BEL = 0x07;

const isControl = (code: number): boolean => code < 0x20 || (code >= 0x7f && code <= 0x9f);

export const createEscapeFilter = (options: EscapeFilterOptions = {}): EscapeFilter => new Filter(options);

class Filter implements EscapeFilter {
  readonly #mark: (what: string) => string;
  #state: State = 'ground';
  /** What has come of an escape or control sequence after its introducer. */
  #body = '';
  /** Kind of the string, and as much of it as its mark shows. */
  #string = '';
  #label = '';
  #length = 0;
  #out = '';

  constructor({ mark }: EscapeFilterOptions) {
    this.#mark = mark ?? ((): string => '');
  }

  push(text: string): string {
    let from = 0;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      // Ordinary text is most of what comes, and is passed on in one piece.
      if (this.#state === 'ground' && !isControl(code)) continue;
      if (this.#state === 'ground') this.#out += text.slice(from, at);
      this.#take(code);
      from = at + 1;
    }
    if (this.#state === 'ground') this.#out += text.slice(from);
    return this.#flush();
  }

  end(): string {
    if (this.#state === 'string') this.#endString();
    else if (this.#state !== 'ground') this.#out += this.#mark('ESC');
    this.#state = 'ground';
    return this.#flush();
  }

  #flush(): string {
    const out = this.#out;
    this.#out = '';
    return out;
  }

  #take(code: number): void {
    if (code >= 0x80 && code <= 0x9f) {
      // C1: ESC and a character of columns 4 and 5.
      this.#interrupt();
      this.#state = 'escape';
      this.#take(code - 0x40);
      return;
    }
    if (code === ESC || code === CAN || code === SUB) {
      this.#interrupt();
      this.#state = code === ESC ? 'escape' : 'ground';
      return;
    }
    if (this.#state === 'string') this.#inString(code);
    // Terminals act on a control in the middle of a sequence at once.
    else if (isControl(code)) this.#out += isDrawingControl(code) ? String.fromCharCode(code) : '';
    else if (this.#state === 'escape') this.#inEscape(code);
    else if (this.#state === 'csi') this.#inCsi(code);
    // A surrogate or a letter right after a sequence is text again, by way of push.
    else this.#out += String.fromCharCode(code);
  }

  #interrupt(): void {
    if (this.#state === 'string') this.#endString();
    this.#body = '';
  }

  #inEscape(code: number): void {
    const character = String.fromCharCode(code);
    if (code <= 0x2f && this.#body.length < MAX_SEQUENCE) {
      this.#body += character;
      return;
    }
    const body = this.#body;
    this.#body = '';
    this.#state = 'ground';
    const string = body === '' ? STRINGS[character] : undefined;
    if (string !== undefined) {
      this.#state = 'string';
      this.#string = string;
      this.#label = '';
      this.#length = 0;
    } else if (body === '' && character === '[') this.#state = 'csi';
    else if (isDrawingEscape(body, character)) this.#out += `\u001b${body}${character}`;
    // The end of a string, which has been marked.
    else if (character !== '\\') this.#out += this.#mark(`ESC ${toLabel(body + character)}`);
  }

  #inCsi(code: number): void {
    const character = String.fromCharCode(code);
    if (code < 0x40) {
      // One too many makes it longer than any that is let through.
      if (this.#body.length <= MAX_SEQUENCE) this.#body += character;
      return;
    }
    const body = this.#body;
    this.#body = '';
    this.#state = 'ground';
    if (code <= 0x7e && body.length <= MAX_SEQUENCE && isDrawingCsi(body, character)) {
      this.#out += `\u001b[${body}${character}`;
    } else this.#out += this.#mark(`CSI ${toLabel(body + character)}`);
  }

  #inString(code: number): void {
    if (code === BEL) {
      this.#endString();
      return;
    }
    this.#length += 1;
    // `52;c;` of an OSC says what it is; what follows is for nobody's eyes.
    if (this.#length <= 4 && code >= 0x30 && code <= 0x39) this.#label += String.fromCharCode(code);
    else if (this.#length < 4) this.#length = 4;
    if (this.#length >= MAX_STRING) this.#endString();
  }

  #endString(): void {
    this.#state = 'ground';
    this.#out += this.#mark(
      this.#string === 'OSC' && this.#label !== '' ? `OSC ${this.#label}` : this.#string,
    );
  }
}

const toLabel = (text: string): string => text.replace(/[^ -~]/g, '?').slice(-16);
