// A login that must be fresher or stronger than the one that there is, as parameters of /-/login. Anybody may write
// them into a link: they only say what the provider is asked for. Whether it was given is for the gateway's rules.

import type { LoginDemand } from '../core/fault.ts';

const FRESH = 'fresh';
const MAX_AGE = 'max_age';
const ACR_VALUES = 'acr_values';

export const toLoginQuery = ({ maxAgeSeconds, acrValues = [] }: LoginDemand): Record<string, string> => ({
  [FRESH]: 'yes',
  ...(maxAgeSeconds === undefined ? {} : { [MAX_AGE]: String(maxAgeSeconds) }),
  ...(acrValues.length === 0 ? {} : { [ACR_VALUES]: acrValues.join(' ') }),
});

/** Undefined: any login will do. What cannot be read is left out. */
export function readDemand(query: URLSearchParams): LoginDemand | undefined {
  if (!query.has(FRESH)) return undefined;
  const age = query.get(MAX_AGE) ?? '';
  const values = (query.get(ACR_VALUES) ?? '')
    .split(' ')
    .filter((value) => /^[\x21-\x7e]{1,256}$/.test(value));
  return {
    ...(/^\d{1,9}$/.test(age) ? { maxAgeSeconds: Number(age) } : {}),
    ...(values.length === 0 ? {} : { acrValues: values }),
  };
}
