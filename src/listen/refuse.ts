// Sends a Fault to the client as a Kubernetes Status (apimachinery pkg/apis/meta/v1/types.go), which kubectl shows.

import type { Received } from '../core/exchange.ts';
import type { Fault } from '../core/fault.ts';
import type { Clock } from '../core/ports.ts';
import { systemClock } from '../core/ports.ts';
import { toStatus } from '../core/status.ts';
import type { OwnAnswer } from './answer.ts';
import { sendAnswer } from './answer.ts';

/** Refuses the exchange. Where an answer has begun already, there is nothing left but to cut it off. */
export function refuse(received: Received, fault: Fault, clock: Clock = systemClock): void {
  sendAnswer(received, toStatusAnswer(fault), clock);
}

export const toStatusAnswer = (fault: Fault): OwnAnswer => ({
  status: fault.code,
  contentType: 'application/json',
  body: `${JSON.stringify(toStatus(fault))}\n`,
  headers: fault.headers,
});
