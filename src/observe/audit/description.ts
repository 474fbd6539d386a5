// What the events of an exchange say of its request, and what the policy is asked about. Of an action that lasts the
// last description is kept: a scraper's next request for it differs in nothing that an event says but its id and times.

import type { Action } from '../../core/action.ts';
import type { Resolved } from '../../core/exchange.ts';
import type { Evidence } from '../../core/observation.ts';
import type { User } from '../../core/user.ts';
import { rememberLasting } from '../../core/lasting.ts';
import { toRequestAnnotations } from './annotations.ts';
import type { UserTexts } from './event.ts';
import { toBody } from './event.ts';
import type { AuditSubject } from './subject.ts';
import { toSubject } from './subject.ts';

export interface Description {
  readonly about: AuditSubject;
  /** What `toBody` makes of it. */
  readonly body: string;
  /** What `toRequestAnnotations` makes of it. */
  readonly annotations: string;
}

export type Describe = (evidence: Evidence) => Description;

/** All that a description is made of, beside the action. Not the exchange, which must not live on. */
interface Asked extends Pick<Resolved, 'node' | 'transport' | 'requirement' | 'method' | 'target'> {
  readonly user: User;
  readonly authenticatedBy: string;
  readonly sourceIP: string;
  readonly userAgent: string | undefined;
}

interface Last {
  made: { readonly of: Asked; readonly description: Description } | undefined;
}

export function createDescribe(): Describe {
  const users: UserTexts = new WeakMap();
  const describe = (evidence: Evidence): Description => {
    const about = toSubject(evidence);
    return { about, body: toBody(evidence, about, users), annotations: toRequestAnnotations(evidence) };
  };
  const toLast = rememberLasting<Action, Last>(() => ({ made: undefined }));
  return (evidence) => {
    if (!('action' in evidence) || evidence.reason !== undefined || evidence.peer.sourceIPs.length > 1) {
      return describe(evidence);
    }
    const last = toLast(evidence.action);
    if (last.made === undefined || !isOf(evidence, last.made.of)) {
      last.made = { of: toAsked(evidence), description: describe(evidence) };
    }
    return last.made.description;
  };
}

const toAsked = (evidence: Resolved): Asked => {
  const { authentication, peer, headers, node, transport, requirement, method, target } = evidence;
  return {
    ...{ node, transport, requirement, method, target },
    user: authentication.user,
    authenticatedBy: authentication.method,
    sourceIP: peer.sourceIPs[0],
    userAgent: headers.first('user-agent'),
  };
};

const isOf = (evidence: Resolved, asked: Asked): boolean =>
  asked.user === evidence.authentication.user &&
  asked.authenticatedBy === evidence.authentication.method &&
  asked.sourceIP === evidence.peer.sourceIPs[0] &&
  asked.userAgent === evidence.headers.first('user-agent') &&
  asked.method === evidence.method &&
  asked.target === evidence.target &&
  asked.node === evidence.node &&
  asked.transport === evidence.transport &&
  asked.requirement === evidence.requirement;
