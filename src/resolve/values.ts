// The forms of single query values: whole numbers, times, and the two ideas of a boolean that kubelet and API server
// have. Every function throws BadRequest, naming the parameter.

import type { Parameters } from './parameters.ts';
import { badParameter } from './parameters.ts';

/** A decimal integer from `min` to `max`, without sign (but for negative ranges) and leading zeros. */
export function readInteger(
  parameters: Parameters,
  name: string,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const text = parameters.one(name);
  if (text === undefined) return undefined;
  const value = /^(0|-?[1-9]\d{0,15})$/.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) {
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw badParameter(name, `must be an integer ${range}`);
  }
  return value;
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

export function readTime(parameters: Parameters, name: string): string | undefined {
  const text = parameters.one(name);
  if (text !== undefined && !(RFC3339.test(text) && !Number.isNaN(Date.parse(text)))) {
    throw badParameter(name, 'must be an RFC 3339 time');
  }
  return text;
}

/**
 * A boolean as apimachinery reads it (pkg/runtime/conversion.go): absent, `0` and `false` in any case are false,
 * everything else is true, the empty value too.
 */
export function readTruthy(parameters: Parameters, name: string): boolean {
  const text = parameters.one(name);
  return text !== undefined && text !== '0' && text.toLowerCase() !== 'false';
}

/** A flag of the kubelet's exec and attach, which counts `1` and nothing else; other values are refused here. */
export function readOne(parameters: Parameters, name: string): boolean {
  const text = parameters.one(name);
  if (text !== undefined && text !== '1') throw badParameter(name, 'must be 1 where it is given');
  return text !== undefined;
}

/** TCP ports, repeated or as comma lists. At most 128: two channels each, of the 256 that a byte can number. */
export function readPorts(parameters: Parameters, name: string): readonly number[] {
  const values = parameters.all(name).flatMap((value) => value.split(','));
  if (values.length > 128) throw badParameter(name, 'names more than 128 ports');
  return values.map((value) => {
    const port = /^[1-9]\d{0,4}$/.test(value) ? Number(value) : NaN;
    if (!(port <= 65535)) throw badParameter(name, 'must be a port from 1 to 65535');
    return port;
  });
}
