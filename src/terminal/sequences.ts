// Which escape sequences of a session may reach the terminal of somebody who only looks at it: those that draw. ECMA-48
// §5.4 and §8.3, xterm's ctlseqs. An allow list: a sequence that makes a terminal answer, print, report the mouse, or
// change what its keys send would act on the shell of whoever looks, and so would one that nobody has heard of yet.

/** Cursor movement, erasing, scrolling, tabs, colours, margins: final bytes without a private marker. */
const DRAWING = '@ABCDEFGHIJKLMPSTXZ`abdefgmrsu';
/** DECSCNM, DECOM, DECAWM, cursor blinking and visibility, the alternate screens, synchronized output. */
const PRIVATE_MODES: ReadonlySet<string> = new Set([
  '5', '6', '7', '12', '25', '45', '47', '69', '1047', '1048', '1049', '2026',
]); // prettier-ignore
/** What a terminal would do a hundred thousand times keeps it busy, and is nobody's. */
const FAR = /\d{6}/;
/** IRM: insert instead of replace. */
const MODES: ReadonlySet<string> = new Set(['4']);

/** `body`: what is between `CSI` and the final byte. */
export function isDrawingCsi(body: string, final: string): boolean {
  const [, marker = '', parameters = '', intermediates = ''] =
    /^([<-?]?)([0-9:;]*)([ -/]*)$/.exec(body) ?? [];
  if (marker.length + parameters.length + intermediates.length !== body.length || FAR.test(body))
    return false;
  if (intermediates === ' ') return marker === '' && final === 'q';
  if (intermediates === '!') return marker === '' && parameters === '' && final === 'p';
  if (intermediates !== '') return false;
  if (final === 'h' || final === 'l') {
    const known = marker === '?' ? PRIVATE_MODES : MODES;
    return (
      marker !== '<' &&
      marker !== '=' &&
      marker !== '>' &&
      parameters.split(';').every((mode) => known.has(mode))
    );
  }
  if (marker === '?') return final === 'J' || final === 'K';
  return marker === '' && DRAWING.includes(final);
}

/** `body`: what is between `ESC` and the final byte. DECSC, DECRC, IND, NEL, HTS, RI; the designation of G0 to G3; DECALN. */
export function isDrawingEscape(body: string, final: string): boolean {
  if (body === '') return '78DEHM'.includes(final);
  if (/^[()*+]$/.test(body)) return /^[0-9A-Z<=>]$/.test(final);
  return body === '#' && '34568'.includes(final);
}

/** BEL, BS, HT, LF, VT, FF, CR, SO, SI. Not ENQ, which a terminal answers. */
export const isDrawingControl = (code: number): boolean => code >= 0x07 && code <= 0x0f;
