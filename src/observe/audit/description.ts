// What the events of an exchange say of its request. Of an action that lasts it is kept what all who ask for it share, and
// the last description of all: a scraper's next request differs from its last in nothing that an event says but its id and
// times.

import type { Action } from '../../core/action.ts';
import type { Resolved } from '../../core/exchange.ts';
import type { Evidence } from '../../core/observation.ts';
import type { User } from '../../core/user.ts';
import { rememberLasting } from '../../core/lasting.ts';
import { toRequestAnnotations } from './annotations.ts';
import type { AskedTexts, UserTexts } from './event.ts';
import { toAskedTexts, toBody } from './event.ts';
import type { AuditSubject } from './subject.ts';

export interface Description {
  /** What `toBody` makes of it. */
  readonly body: string;
  /** What `toRequestAnnotations` makes of it. */
  readonly annotations: string;
}

/** `about`: what `toSubject` makes of it. Not asked for what the policy leaves out. */
export type Describe = (evidence: Evidence, about: AuditSubject) => Description;

/** What is asked for, and all that it was made of beside the action. Not the exchange, which must not live on. */
interface Topic extends Pick<Resolved, 'node' | 'transport' | 'requirement' | 'method' | 'target'> {
  readonly authenticatedBy: string;
  readonly texts: AskedTexts;
  readonly annotations: string;
}

/**
 * Of a longer description (of a user in dozens of groups) only what is about the request is kept: there may be one for each
 * of thousands of actions, and whoever asks says how long it is.
 */
const MAX_KEPT_CHARS = 2048;

/** Who asked for it last, with what. */
interface Asker {
  readonly user: User;
  readonly sourceIP: string;
  readonly userAgent: string | undefined;
  readonly description: Description;
}

interface Last {
  topic: Topic | undefined;
  asker: Asker | undefined;
}

export function createDescribe(): Describe {
  const users: UserTexts = new WeakMap();
  const toLast = rememberLasting<Action, Last>(() => ({ topic: undefined, asker: undefined }));
  return (evidence, about) => {
    if (!('action' in evidence) || evidence.reason !== undefined || evidence.peer.sourceIPs.length > 1) {
      const body = toBody(toAskedTexts(evidence, about), evidence, users);
      return { body, annotations: toRequestAnnotations(evidence) };
    }
    const last = toLast(evidence.action);
    if (last.topic === undefined || !isAbout(evidence, last.topic)) {
      last.topic = toTopic(evidence, about);
      last.asker = undefined;
    }
    if (last.asker !== undefined && isBy(evidence, last.asker)) return last.asker.description;
    const { texts, annotations } = last.topic;
    const description = { body: toBody(texts, evidence, users), annotations };
    last.asker = toAsker(evidence, description);
    return description;
  };
}

function toTopic(evidence: Resolved, about: AuditSubject): Topic {
  const { authentication, node, transport, requirement, method, target } = evidence;
  const texts = toAskedTexts(evidence, about);
  const annotations = toRequestAnnotations(evidence);
  const authenticatedBy = authentication.method;
  return { node, transport, requirement, method, target, authenticatedBy, texts, annotations };
}

const isAbout = (evidence: Resolved, topic: Topic): boolean =>
  topic.target === evidence.target &&
  topic.method === evidence.method &&
  topic.authenticatedBy === evidence.authentication.method &&
  topic.node === evidence.node &&
  topic.transport === evidence.transport &&
  topic.requirement === evidence.requirement;

/** Undefined: it is too long to be kept. */
function toAsker({ authentication, peer, headers }: Resolved, description: Description): Asker | undefined {
  const userAgent = headers.first('user-agent');
  // What an event has of a program's name is cut; what is kept to compare it with is not.
  if (description.body.length + (userAgent?.length ?? 0) > MAX_KEPT_CHARS) return undefined;
  return { user: authentication.user, sourceIP: peer.sourceIPs[0], userAgent, description };
}

const isBy = ({ authentication, peer, headers }: Resolved, asker: Asker): boolean =>
  asker.user === authentication.user &&
  asker.sourceIP === peer.sourceIPs[0] &&
  asker.userAgent === headers.first('user-agent');
