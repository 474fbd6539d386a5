// What the gateway answers by itself.

import type { Answered, Received } from '../core/exchange.ts';
import type { Ending } from '../core/observation.ts';
import type { Clock } from '../core/ports.ts';
import type { createScrapeTargets } from '../answer/scrape-targets.ts';
import type { createFleetAnswer } from '../fleet/answer.ts';
import { sendAnswer, sendRedirect } from '../listen/answer.ts';

export const createAnswer =
  (
    scrapeTargets: ReturnType<typeof createScrapeTargets>,
    fleet: ReturnType<typeof createFleetAnswer>,
    clock: Clock,
  ) =>
  (answered: Answered): Ending | Promise<Ending> => {
    const { answer } = answered;
    switch (answer.kind) {
      case 'json':
        return sendAnswer(answered, { contentType: answer.contentType, body: answer.body }, clock);
      case 'redirect':
        return sendRedirect(answered, answer.location, clock);
      case 'fleet':
        return fleet(answered, answer.query).then((told) => sendAnswer(answered, told, clock));
      case 'scrapeTargets':
        return scrapeTargets(answered).then((targets) => sendJson(answered, targets, clock));
    }
  };

const sendJson = (received: Received, value: unknown, clock: Clock): Ending =>
  sendAnswer(received, { contentType: 'application/json', body: `${JSON.stringify(value)}\n` }, clock);
