// What is typed at a terminal, less what the terminal does not show: passwords above all. Only the terminal in the
// container knows whether its echo is on; here it is known by what comes back. A line that was typed is let through when
// its end has come back and every character before it, one by one, in order and with nothing else between, and it is
// withheld otherwise. So nothing is let through that is not in the output already. Holds MAX_PENDING bytes.

/** Bytes of a line that has not come back yet, or of several. */
export const MAX_PENDING = 4096;

export interface EchoedInput {
  /** Whole lines, as they were typed. */
  onEchoed(line: Buffer): void;
  /** So many bytes were typed that did not come back. Told when their line is over. */
  onWithheld(bytes: number): void;
}

const BACKSPACE = 0x08;
const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const ESCAPE = 0x1b;
const SPACE = 0x20;
const DELETE = 0x7f;
/** What ends a line without a line end: ^C, ^D, ^Z and ^\. */
const INTERRUPTS: ReadonlySet<number> = new Set([0x03, 0x04, 0x1a, 0x1c]);

const isLineEnd = (byte: number): boolean => byte === RETURN || byte === LINE_FEED;
const isRubOut = (byte: number): boolean => byte === DELETE || byte === BACKSPACE;
/** Keys whose echo can be told. Arrows, completion and a program's own keys can show anything. */
const isPlain = (byte: number): boolean =>
  (byte >= SPACE && byte !== DELETE) || isLineEnd(byte) || isRubOut(byte);

export class EchoFilter {
  readonly #input: EchoedInput;
  readonly #visible = new VisibleBytes();
  /** Of the line that is coming back: what has. */
  #echoed: number[] = [];
  /** Typed after that, and not come back yet. */
  #pending: number[] = [];
  #withheld = 0;
  /** This line is withheld, whatever comes back, until its end is typed. */
  #spoilt = false;
  /** A return has come back, its line feed has not. */
  #returned = false;
  /** After a rub-out: whether a space that follows may be its own, and whether one has followed. */
  #wiping: 'no' | 'may' | 'space' = 'no';

  constructor(input: EchoedInput) {
    this.#input = input;
  }

  typed(data: Buffer): void {
    for (const byte of data) this.#type(byte);
  }

  shown(data: Buffer): void {
    for (const byte of data) {
      if (this.#pending.length === 0 && this.#wiping !== 'space') break;
      if (this.#visible.sees(byte)) this.#show(byte);
    }
    if (this.#pending.length === 0) this.#visible.reset();
  }

  /** Nothing more comes back. */
  end(): void {
    this.#spoil();
    this.#tellWithheld();
  }

  #type(byte: number): void {
    const ends = isLineEnd(byte) || INTERRUPTS.has(byte);
    if (this.#spoilt) {
      this.#withheld += 1;
      if (ends) this.#tellWithheld();
      return;
    }
    if (INTERRUPTS.has(byte) && this.#pending.length === 0) {
      this.#echoed.push(byte);
      this.#tellEchoed();
      return;
    }
    this.#pending.push(byte);
    if (isPlain(byte) && this.#echoed.length + this.#pending.length <= MAX_PENDING) return;
    this.#spoil();
    if (ends) this.#tellWithheld();
  }

  #show(byte: number): void {
    if (this.#wiping !== 'no' && this.#isWiped(byte)) return;
    const next = this.#pending[0];
    if (next === undefined) return;
    if (isLineEnd(next)) {
      if (byte === RETURN && !this.#returned) this.#returned = true;
      else if (byte === LINE_FEED) this.#confirm();
      else this.#mismatch();
    } else if (isRubOut(next)) {
      if (byte !== BACKSPACE) {
        this.#mismatch();
        return;
      }
      this.#confirm();
      this.#wiping = 'may';
    } else if (byte === next) {
      this.#confirm();
    } else {
      this.#mismatch();
    }
  }

  /** A terminal wipes a character with `\b \b`, a shell with `\b` and a sequence: a space may be either's, or typed. */
  #isWiped(byte: number): boolean {
    const before = this.#wiping;
    this.#wiping = 'no';
    if (before === 'may') {
      if (byte === SPACE) this.#wiping = 'space';
      return byte === SPACE;
    }
    if (byte === BACKSPACE && !isRubOut(this.#pending[0] ?? 0)) return true;
    if (this.#pending[0] === SPACE) this.#confirm();
    else if (byte === BACKSPACE) return true;
    else this.#mismatch();
    return false;
  }

  #confirm(): void {
    const byte = this.#pending.shift();
    if (byte === undefined) return;
    this.#returned = false;
    this.#echoed.push(byte);
    if (isLineEnd(byte)) this.#tellEchoed();
  }

  #mismatch(): void {
    const isOver = isLineEnd(this.#pending.at(-1) ?? 0);
    this.#spoil();
    if (isOver) this.#tellWithheld();
  }

  /** Withholds all that has been typed and is not let through yet. */
  #spoil(): void {
    this.#withheld += this.#echoed.length + this.#pending.length;
    this.#echoed = [];
    this.#pending = [];
    this.#returned = false;
    this.#wiping = 'no';
    this.#spoilt = true;
  }

  #tellEchoed(): void {
    const line = Buffer.from(this.#echoed);
    this.#echoed = [];
    this.#input.onEchoed(line);
  }

  #tellWithheld(): void {
    const bytes = this.#withheld;
    this.#withheld = 0;
    this.#spoilt = false;
    if (bytes > 0) this.#input.onWithheld(bytes);
  }
}

/** Passes over what a terminal does not show: control sequences and strings (ECMA-48 §5.4 and §5.6), bells and NULs. */
class VisibleBytes {
  #state: 'text' | 'escape' | 'sequence' | 'string' | 'stringEscape' = 'text';

  sees(byte: number): boolean {
    switch (this.#state) {
      case 'text':
        if (byte === ESCAPE) this.#state = 'escape';
        return byte !== ESCAPE && byte !== 0x07 && byte !== 0x00;
      case 'escape':
        // CSI; then OSC, DCS, SOS, PM and APC.
        if (byte === 0x5b) this.#state = 'sequence';
        else if ([0x5d, 0x50, 0x58, 0x5e, 0x5f].includes(byte)) this.#state = 'string';
        else if (byte < 0x20 || byte > 0x2f) this.#state = 'text';
        return false;
      case 'sequence':
        if (byte >= 0x40 && byte <= 0x7e) this.#state = 'text';
        return false;
      case 'string':
        if (byte === 0x07) this.#state = 'text';
        else if (byte === ESCAPE) this.#state = 'stringEscape';
        return false;
      case 'stringEscape':
        this.#state = byte === 0x5c ? 'text' : 'string';
        return false;
    }
  }

  reset(): void {
    this.#state = 'text';
  }
}
