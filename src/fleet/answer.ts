// Answers about all nodes: the nodes of the inventory, the pods of the kubelets, and a caller's own name and rights.
// Nothing of a node that the caller may not read is in any of them.

import type { Identified } from '../core/exchange.ts';
import type { FleetQuery } from '../core/fleet.ts';
import type { FleetAnswer, FleetPorts } from './ports.ts';
import type { Positions } from './positions.ts';
import { createByteBudget } from '../core/byte-budget.ts';
import { answerNodes } from './nodes-answer.ts';
import { answerPods } from './pods-answer.ts';
import { toJson } from './ports.ts';
import { reviewAccess, toSelfReview } from './reviews.ts';
import { reviewRules } from './rules-review.ts';
import { answerNodeUsage, answerPodUsage } from './usage-answer.ts';

/** Of lists of pods that are being made, all together, as JSON: four of the largest. */
const MAX_LISTED_CHARACTERS = 256 * 1024 * 1024;

/** Of what is no watch. Rejects with a Fault. */
export function createFleetAnswer(ports: FleetPorts, positions: Positions) {
  const budget = createByteBudget(MAX_LISTED_CHARACTERS);
  const listing = { ...ports, positions, budget };
  return async (asked: Identified, query: FleetQuery): Promise<FleetAnswer> => {
    switch (query.kind) {
      case 'nodes':
        return answerNodes(listing, asked, query);
      case 'pods':
        return answerPods(listing, asked, query.view);
      case 'nodeMetrics':
        return answerNodeUsage(ports, asked, query);
      case 'podMetrics':
        return answerPodUsage(ports, asked, query);
      case 'accessReview':
        return toJson(
          await reviewAccess(ports.authorizer, ports.toRequirement, asked, query.within ?? ''),
          201,
        );
      case 'rulesReview':
        return toJson(
          await reviewRules(ports.authorizer, ports.toRequirement, asked, query.within ?? ''),
          201,
        );
      case 'selfReview':
        return toJson(toSelfReview(asked.authentication.user), 201);
    }
  };
}
