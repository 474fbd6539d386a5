// The frame by which a client opens a SPDY stream.

import type { SpdyControlFrame } from '../../src/wire/spdy-frame.ts';

/** As client-go sends it: of the highest priority, in no slot, open both ways. */
export const toSynStream = (streamId: number, headerBlock: Buffer): SpdyControlFrame => ({
  kind: 'synStream',
  streamId,
  associatedId: 0,
  priority: 0,
  slot: 0,
  fin: false,
  unidirectional: false,
  headerBlock,
});
