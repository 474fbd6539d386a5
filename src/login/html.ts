// HTML as text in which nothing that was put in becomes a tag: every value is escaped, unless it is HTML from here.

export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Embedded = string | number | Html | undefined | readonly (string | Html)[];

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');

/** A template: `html\`<p>${name}</p>\``. Attributes must stand in double quotes. */
export const html = (parts: TemplateStringsArray, ...values: readonly Embedded[]): Html =>
  new Html(parts.map((part, index) => `${part}${toText(values[index])}`).join(''));

function toText(value: Embedded): string {
  if (value === undefined) return '';
  if (value instanceof Html) return value.text;
  return typeof value === 'object' ? value.map(toText).join('') : escapeHtml(String(value));
}

/** A moment, in milliseconds since the epoch, to the minute: no script knows the person's own time zone. */
export function toTime(milliseconds: number): Html {
  const iso = new Date(milliseconds).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`;
}
