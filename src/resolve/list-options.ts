// How a list is to be answered (apimachinery pkg/apis/meta/v1, ListOptions): in parts, or as a watch.

import type { Page, WatchOptions } from '../core/action.ts';
import { Fault } from '../core/fault.ts';
import type { Parameters } from './parameters.ts';
import { badParameter } from './parameters.ts';
import { readTruthy } from './values.ts';

const MAX_SECONDS = 365 * 24 * 3600;
/** Several times what the gateway makes. */
const MAX_CONTINUE_LENGTH = 2048;

/** Throws BadRequest; Expired for a list as it once was. */
export function readPage(parameters: Parameters): { readonly page?: Page } {
  if (parameters.one('resourceVersionMatch') === 'Exact') {
    throw new Fault('Expired', 'lists are of the moment: an exact resourceVersion is not kept');
  }
  const limit = readWhole(parameters, 'limit', Number.MAX_SAFE_INTEGER) ?? 0;
  const continuation = parameters.one('continue') ?? '';
  if (continuation.length > MAX_CONTINUE_LENGTH) throw badParameter('continue', 'is too long');
  if (limit === 0 && continuation === '') return {};
  return {
    page: { ...(limit === 0 ? {} : { limit }), ...(continuation === '' ? {} : { continuation }) },
  };
}

/** Nothing for a plain list. Throws BadRequest. */
export function readWatch(parameters: Parameters): { readonly watch?: WatchOptions } {
  if (!readTruthy(parameters, 'watch')) return {};
  const resourceVersion = parameters.one('resourceVersion') ?? '';
  if (!/^\d{0,20}$/.test(resourceVersion)) throw badParameter('resourceVersion', 'is none of a list here');
  const timeout = readWhole(parameters, 'timeoutSeconds', MAX_SECONDS) ?? 0;
  const initial = parameters.one('sendInitialEvents');
  return {
    watch: {
      resourceVersion,
      ...(timeout === 0 ? {} : { timeoutMs: timeout * 1000 }),
      bookmarks: readTruthy(parameters, 'allowWatchBookmarks'),
      ...(initial === undefined ? {} : { initialEvents: readTruthy(parameters, 'sendInitialEvents') }),
    },
  };
}

function readWhole(parameters: Parameters, name: string, max: number): number | undefined {
  const text = parameters.one(name);
  if (text === undefined || text === '') return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!(value <= max)) throw badParameter(name, `must be a whole number from 0 to ${max}`);
  return value;
}
