// The scalar values of the configuration: durations and quantities as Kubernetes writes them, names, hosts, files.

import { isIP } from 'node:net';
import { z } from 'zod';
import type { NodeName } from '../../core/names.ts';
import { isNodeName } from '../../core/names.ts';

/** Go's time.ParseDuration without signs, microseconds and nanoseconds, and with `d` for 24 hours. */
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;
const DURATION_PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;
const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A duration such as `1h30m` in milliseconds; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(DURATION_PART)) {
    totalMs += Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS];
  }
  return Math.round(totalMs);
}

/** A binary or decimal quantity (apimachinery pkg/api/resource), as far as it can mean a number of bytes. */
const QUANTITY = /^(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|k|M|G|T)?$/;
const UNIT_BYTES: Readonly<Record<string, number>> = {
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
};

/** A quantity such as `100Mi` in bytes, rounded up as Kubernetes does; undefined when it is none. */
export function parseQuantity(text: string): number | undefined {
  const [, amount, unit] = QUANTITY.exec(text) ?? [];
  return amount === undefined ? undefined : Math.ceil(Number(amount) * (UNIT_BYTES[unit ?? ''] ?? 1));
}

const DURATION_WORDS = 'must be a duration with units, such as "30s", "5m", "1h30m" or "366d"';

/** A duration between two others, as milliseconds. */
export const duration = (least: string, most: string) =>
  z
    .string({
      error: (issue) => (issue.input === undefined || issue.input === null ? undefined : DURATION_WORDS),
    })
    .regex(DURATION, { error: DURATION_WORDS })
    .transform((text) => parseDuration(text) ?? Number.NaN)
    .pipe(
      z
        .number()
        .min(parseDuration(least) ?? 0, { error: `must be at least ${least}` })
        .max(parseDuration(most) ?? 0, { error: `must be at most ${most}` }),
    );

/** A quantity of bytes. */
export const quantity = (least: string, most: string) =>
  z
    .string({ error: 'must be a quantity of bytes such as "100Mi" or "128Ki"' })
    .regex(QUANTITY, {
      error: 'must be a quantity of bytes such as "100Mi" or "128Ki" (suffixes Ki, Mi, Gi, Ti, k, M, G, T)',
    })
    .transform((text) => parseQuantity(text) ?? Number.NaN)
    .pipe(
      z
        .number()
        .min(parseQuantity(least) ?? 0, { error: `must be at least ${least}` })
        .max(parseQuantity(most) ?? 0, { error: `must be at most ${most}` }),
    );

export const count = (least: number, most: number) => z.int().min(least).max(most);

/** 0 means any free port, which only a server may ask for. */
export const listenPort = count(0, 65_535);
export const dialPort = count(1, 65_535);

export const nonEmpty = z.string().min(1);

const NAME = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

/** A name that the configuration gives to a part of itself: a DNS-1123 label. */
export const label = z.string().regex(NAME, {
  error:
    'must be lower-case letters, digits and "-", begin and end with a letter or digit, and have at most 63',
});

export const nodeName = z.string().transform((text, ctx): NodeName => {
  if (isNodeName(text)) return text;
  ctx.addIssue({
    code: 'custom',
    message: 'must be the name of a node: a DNS-1123 subdomain such as "node-1.example.org"',
  });
  return z.NEVER;
});

/** A host name (never one that looks like a mistyped IPv4 address) or an IP address without brackets. */
export function isHost(text: string): boolean {
  if (isIP(text) !== 0) return true;
  const lower = text.toLowerCase();
  return isNodeName(lower) && !/(?:^|\.)\d+$/.test(lower);
}

export const host = z.string().refine(isHost, {
  error: 'must be a host name or an IP address, without scheme, port or brackets',
});

/** `10.0.0.0/8`, `fd00::/8`, or one address. */
export function isCidr(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || address.includes('%')) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

export const cidr = z.string().refine(isCidr, {
  error: 'must be an IP address or a range of them, such as "10.0.0.0/8"',
});

/** A file name, relative to the folder of the configuration file. */
export const fileName = z
  .string()
  .min(1)
  .refine((text) => !text.includes('\0'), { error: 'must not hold a NUL character' });

/** A file name in which `{node}` may stand. */
export const fileNamePerNode = fileName.refine((text) => !/[{}]/.test(text.replaceAll('{node}', '')), {
  error: 'may hold no braces but those of {node}',
});
