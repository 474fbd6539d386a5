// Content negotiation as the API server does it (apiserver pkg/endpoints/handlers/negotiation): media types with the
// parameters `as`, `g` and `v` name a form of the same data. RFC 9110 §12.5.1 for quality values.

import { Fault } from '../core/fault.ts';

/** What a client may ask a JSON document to be turned into; `as` is empty for the plain document. */
export interface Form {
  readonly as: string;
  readonly group: string;
  readonly version: string;
}

export const PLAIN = { as: '', group: '', version: '' } as const satisfies Form;

/**
 * Picks the client's first choice among `offers`. `accept` holds the lines of the Accept header; none means anything.
 * Throws NotAcceptable when the client takes neither JSON nor one of the forms.
 */
export function negotiate<Offer extends Form>(accept: readonly string[], offers: readonly Offer[]): Offer {
  const clauses = accept.length === 0 ? ['*/*'] : accept.join(',').split(',');
  const ranked = clauses
    .map(parseClause)
    .filter((clause) => clause.quality > 0)
    .sort((a, b) => b.quality - a.quality);
  for (const clause of ranked) {
    if (!JSON_RANGES.has(clause.type)) continue;
    const offer = offers.find(
      ({ as, group, version }) =>
        as === clause.as && (as === '' || (group === clause.g && version === clause.v)),
    );
    if (offer !== undefined) return offer;
  }
  throw new Fault('NotAcceptable', 'only the following media types are offered: application/json');
}

const JSON_RANGES: ReadonlySet<string> = new Set(['application/json', 'application/*', '*/*']);

interface Clause {
  readonly type: string;
  readonly quality: number;
  readonly as: string;
  readonly g: string;
  readonly v: string;
}

function parseClause(clause: string): Clause {
  const [type = '', ...parameters] = clause.split(';').map((part) => part.trim());
  const read = (name: string): string => {
    const prefix = `${name}=`;
    return parameters.find((parameter) => parameter.startsWith(prefix))?.slice(prefix.length) ?? '';
  };
  const q = read('q');
  const quality = /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(q) ? Number(q) : 1;
  return { type: type.toLowerCase(), quality, as: read('as'), g: read('g'), v: read('v') };
}
