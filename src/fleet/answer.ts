// Answers about all nodes: the nodes of the inventory, the pods of the kubelets, and a caller's own name and rights.
// Nothing of a node that the caller may not read is in any of them.

import type { Identified } from '../core/exchange.ts';
import type { FleetQuery } from '../core/fleet.ts';
import type { FleetAnswer, FleetPorts } from './ports.ts';
import { createByteBudget } from '../core/byte-budget.ts';
import { answerNodes } from './nodes-answer.ts';
import { answerPods } from './pods-answer.ts';
import { toJson } from './ports.ts';
import { reviewAccess, toSelfReview } from './reviews.ts';
import { reviewRules } from './rules-review.ts';
import { answerNodeUsage, answerPodUsage } from './usage-answer.ts';

/** Of lists of pods that are being made, all together, as JSON: four of the largest. */
const MAX_LISTED_CHARACTERS = 256 * 1024 * 1024;

/** Rejects with a Fault. */
export function createFleetAnswer(ports: FleetPorts) {
  const budget = createByteBudget(MAX_LISTED_CHARACTERS);
  return async (asked: Identified, query: FleetQuery): Promise<FleetAnswer> => {
    switch (query.kind) {
      case 'nodes':
        return answerNodes(ports, asked, query);
      case 'pods':
        return answerPods(ports, budget, asked, query.view);
      case 'nodeMetrics':
        return answerNodeUsage(ports, asked, query);
      case 'podMetrics':
        return answerPodUsage(ports, asked, query);
      case 'accessReview':
        return toJson(await reviewAccess(ports.authorizer, ports.toRequirement, asked), 201);
      case 'rulesReview':
        return toJson(await reviewRules(ports.authorizer, ports.toRequirement, asked), 201);
      case 'selfReview':
        return toJson(toSelfReview(asked.authentication.user), 201);
    }
  };
}
