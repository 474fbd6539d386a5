// Whether anything listens at an address: TCP alone, nothing is sent.

import { connect } from 'node:net';
import type { Clock } from '../core/ports.ts';
import { toErrorCode } from '../outbound/dial-faults.ts';

export type PortState =
  | { readonly kind: 'open' }
  | {
      readonly kind: 'closed';
      /** As the system names it: ECONNREFUSED, ENOTFOUND … */ readonly code: string;
    }
  | { readonly kind: 'silent' };

/** Never rejects. */
export const probePort = (
  { clock }: { readonly clock: Clock },
  {
    address,
    port,
    timeoutMs,
  }: { readonly address: string; readonly port: number; readonly timeoutMs: number },
): Promise<PortState> =>
  new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const settle = (state: PortState): void => {
      cancel();
      socket.on('error', () => undefined);
      socket.destroy();
      resolve(state);
    };
    const cancel = clock.after(timeoutMs, () => settle({ kind: 'silent' }));
    socket.once('connect', () => settle({ kind: 'open' }));
    socket.once('error', (error) => settle({ kind: 'closed', code: toErrorCode(error) || 'unknown' }));
  });
