// What the gateway answers by itself.

import type { Answered, Identified, Received } from '../core/exchange.ts';
import type { Ending, Observation } from '../core/observation.ts';
import type { Clock } from '../core/ports.ts';
import type { createScrapeTargets } from '../answer/scrape-targets.ts';
import type { createFleetAnswer } from '../fleet/answer.ts';
import type { FleetWatch } from '../fleet/watch-answer.ts';
import type { WatchAnswer } from '../fleet/watches.ts';
import { endWithCredential } from '../core/credential-end.ts';
import { sendAnswer, sendRedirect } from '../listen/answer.ts';
import { sendStream } from '../listen/stream-answer.ts';

export interface AnswerParts {
  readonly clock: Clock;
  readonly scrapeTargets: ReturnType<typeof createScrapeTargets>;
  readonly fleet: {
    readonly answer: ReturnType<typeof createFleetAnswer>;
    readonly watch: FleetWatch;
  };
  readonly sendWatch: ReturnType<typeof createSendWatch>;
}

export const createAnswer =
  ({ clock, scrapeTargets, fleet, sendWatch }: AnswerParts) =>
  (answered: Answered, observation: Observation): Ending | Promise<Ending> => {
    const { answer } = answered;
    switch (answer.kind) {
      case 'json':
        return sendAnswer(answered, { contentType: answer.contentType, body: answer.body }, clock);
      case 'redirect':
        return sendRedirect(answered, answer.location, clock);
      case 'fleet': {
        const watch = fleet.watch.ofFleet(answered, answer.query);
        if (watch !== undefined) return watch.then((told) => sendWatch(answered, told, observation));
        return fleet.answer(answered, answer.query).then((told) => sendAnswer(answered, told, clock));
      }
      case 'scrapeTargets':
        return scrapeTargets(answered).then((targets) => sendJson(answered, targets, clock));
    }
  };

/** Sends a watch for as long as the credential is good that asked for it. */
export const createSendWatch =
  (clock: Clock, credentialExpiryGraceMs: number) =>
  async (asked: Identified, watch: WatchAnswer, observation: Observation): Promise<Ending> => {
    endWithCredential(clock, asked, credentialExpiryGraceMs);
    const ending = await sendStream(asked, watch, observation);
    const fault = watch.fault();
    return fault === undefined ? ending : { ...ending, fault };
  };

const sendJson = (received: Received, value: unknown, clock: Clock): Ending =>
  sendAnswer(received, { contentType: 'application/json', body: `${JSON.stringify(value)}\n` }, clock);
