// A request as `listen` hands it on, for tests of identify.

import type { PresentedCertificate, Received } from '../../src/core/exchange.ts';
import { HeaderLines } from '../../src/core/headers.ts';
import { createResolved } from './resolved.ts';

/** `lines` alternates names and values. */
export const createReceived = (
  lines: readonly string[] = [],
  certificate?: PresentedCertificate,
): Received => ({
  ...createResolved(),
  headers: new HeaderLines(lines),
  peer: { sourceIPs: ['192.0.2.1'], certificate },
});
