// Text within a JSON string that is put together by hand. Nearly every word of a line is fit for it as it is, and is
// passed on as the string that it was: what is joined of fewer pieces is made into one piece sooner.

/** What JSON.stringify would write in another way (ECMA-262 QuoteJSONString). */
const TO_BE_ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;

/** `text` as it stands between the quotes of a JSON string: the same as JSON.stringify has it. */
export const inQuotes = (text: string): string =>
  TO_BE_ESCAPED.test(text) ? JSON.stringify(text).slice(1, -1) : text;

/** A JSON array of strings. */
export const toListText = (texts: readonly string[]): string =>
  texts.length === 1 ? `["${inQuotes(texts[0] ?? '')}"]` : JSON.stringify(texts);
