// On which node a pod is, asked of the API server: a pod is asked for once for all who ask, and remembered for a short
// time. While the API server does not answer, what it last said counts for a while, then the kubelets' own lists; nobody
// but the first waits for it then. What a kubelet claims plays no part as long as the API server answers.

import { LRUCache } from 'lru-cache';
import type { PodRef } from '../core/action.ts';
import type { Permitted, Sought } from '../core/exchange.ts';
import type { Namespace, NodeName } from '../core/names.ts';
import type { Inventory } from '../core/node.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { PodAnswer, PodClient } from '../kube/pod-client.ts';
import { Fault } from '../core/fault.ts';

/** Milliseconds for which an answer is not asked for again. */
const BOUND_MS = 10_000;
const OTHER_MS = 2_000;
/** The same where the node that the pod is on says that it does not have it. */
const DOUBTED_MS = 1_000;
/** While the API server is away, where it last said that a pod is counts for so long. */
const STALE_MS = 120_000;
/** Longer than this nobody waits for the API server. */
const LIMIT_MS = 2_000;
/** An API server that did not answer is asked again after so long, in the background. */
const AWAY_MS = 5_000;
/** The same where it refused: the right may be granted meanwhile. */
const REFUSED_MS = 30_000;
const MAX_PLACES = 10_000;
const MAX_NAMESPACES = 1_000;
const MAX_RUNNING = 32;
/** Of these, those that watches may take: what they are told may come later, an exec waits. */
const MAX_RUNNING_PATIENT = 8;

/** Where it was learnt: for the metrics. */
export type PlaceSource = 'cache' | 'apiServer' | 'stale' | 'kubelets';

export interface PodPlacesPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly inventory: () => Inventory;
  readonly ask: PodClient['read'];
  /** From the kubelets' own lists. */
  readonly fallback: (permitted: Permitted) => Promise<NodeName>;
  readonly told: (source: PlaceSource) => void;
}

/** A pod that is asked about, and, where the right is to some nodes alone, these. */
export interface PodQuestion {
  readonly pod: Sought['pod'];
  readonly among?: { readonly nodes: ReadonlySet<NodeName> };
}

/** Where a pod is, as far as the API server has a say. */
export type Whereabouts =
  | { readonly kind: 'node'; readonly node: NodeName }
  /** There is no such pod, it is on no node yet, or on none of the gateway's. */
  | { readonly kind: 'nowhere' }
  /** Nobody but the kubelets can say at present. */
  | { readonly kind: 'unknown' };

export interface PodPlaces {
  /**
   * Rejects with a Fault: NotFound; BadRequest for a pod that is on no node yet; BadGateway for one too long to read;
   * ServiceUnavailable while no node is known or too many are being looked up; and with those of `fallback`.
   */
  find(permitted: Permitted): Promise<NodeName>;
  /**
   * The same for lists and watches, which have an answer for a pod that is nowhere. `isPatient`: others go first. Rejects
   * with a Fault: BadGateway for a pod too long to read, where the right is to all nodes; ServiceUnavailable as `find` does.
   */
  where(question: PodQuestion, isPatient?: boolean): Promise<Whereabouts>;
  /** `node` has said that it does not have the pod. */
  doubt(pod: Pick<PodRef, 'namespace' | 'name'>, node: NodeName): void;
}

type Told = Exclude<PodAnswer, { kind: 'refused' | 'away' }>;
interface Place {
  readonly told: Told;
  readonly at: number;
  isDoubted: boolean;
}

export const createPodPlaces = (ports: PodPlacesPorts): PodPlaces => new Places(ports);

class Places implements PodPlaces {
  readonly #ports: PodPlacesPorts;
  readonly #places = new LRUCache<string, Place>({ max: MAX_PLACES });
  readonly #running = new Map<string, Promise<Place | undefined>>();
  /** Namespaces whose pods the gateway may not get, and when it asks again. */
  readonly #refused = new LRUCache<Namespace, number>({ max: MAX_NAMESPACES });
  /** When the API server is asked again; undefined: it answers. */
  #awayUntil: number | undefined;

  constructor(ports: PodPlacesPorts) {
    this.#ports = ports;
  }

  async find(permitted: Permitted): Promise<NodeName> {
    const told = await this.#toTold(permitted, MAX_RUNNING);
    return told === undefined ? this.#ports.fallback(permitted) : this.#toNode(permitted, told);
  }

  async where(question: PodQuestion, isPatient = false): Promise<Whereabouts> {
    const told = await this.#toTold(question, isPatient ? MAX_RUNNING_PATIENT : MAX_RUNNING);
    switch (told?.kind) {
      case undefined:
        return { kind: 'unknown' };
      case 'bound': {
        const { node } = told;
        return this.#ports.inventory().get(node) === undefined ? { kind: 'nowhere' } : { kind: 'node', node };
      }
      case 'tooLong':
        // That there is such a pod is not for those to know who may not read all nodes.
        return question.among === undefined ? this.#refuse(question, told) : { kind: 'nowhere' };
      case 'absent':
      case 'unbound':
        return { kind: 'nowhere' };
    }
  }

  /** Undefined: it is for the kubelets to say. */
  async #toTold(question: PodQuestion, maxRunning: number): Promise<Told | undefined> {
    const { inventory, told } = this.#ports;
    const problem = inventory().problem?.();
    if (problem !== undefined) throw new Fault('ServiceUnavailable', problem);
    const known = this.#places.get(toKey(question.pod));
    if (known !== undefined && this.#age(known) < toFreshMs(known, question)) {
      told('cache');
      return known.told;
    }
    const place = await this.#ask(question, maxRunning);
    if (place !== undefined) {
      told('apiServer');
      return place.told;
    }
    if (known !== undefined && this.#mayStandIn(known, question)) {
      told('stale');
      return known.told;
    }
    told('kubelets');
    return undefined;
  }

  doubt(pod: Pick<PodRef, 'namespace' | 'name'>, node: NodeName): void {
    const place = this.#places.peek(toKey(pod));
    if (place?.told.kind === 'bound' && place.told.node === node) place.isDoubted = true;
  }

  #age({ at }: Place): number {
    const age = this.#ports.clock.now() - at;
    return age < 0 ? Infinity : age;
  }

  #mayStandIn(place: Place, question: PodQuestion): boolean {
    // Whoever took the right away meant what it has told, too.
    if (this.#refused.has(question.pod.namespace) || place.isDoubted) return false;
    if (isOfOthers(place, question)) return false;
    return place.told.kind === 'bound' && this.#age(place) < STALE_MS;
  }

  /** Undefined: the API server is away, or refuses. Rejects when too many are asked for. */
  async #ask({ pod }: PodQuestion, maxRunning: number): Promise<Place | undefined> {
    const { clock } = this.#ports;
    const now = clock.now();
    if ((this.#refused.get(pod.namespace) ?? 0) > now) return undefined;
    if (this.#awayUntil === undefined) return this.#read(pod, maxRunning);
    if (this.#awayUntil <= now && this.#running.size === 0) {
      this.#awayUntil = now + AWAY_MS;
      void this.#read(pod, maxRunning);
    }
    return undefined;
  }

  #read(pod: PodQuestion['pod'], maxRunning: number): Promise<Place | undefined> {
    const key = toKey(pod);
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    if (this.#running.size >= maxRunning) {
      const message = 'too many pods are being looked up at present: ask again';
      return Promise.reject(new Fault('ServiceUnavailable', message, { headers: { 'retry-after': '1' } }));
    }
    const reading = this.#readNow(pod, key).finally(() => this.#running.delete(key));
    this.#running.set(key, reading);
    return reading;
  }

  async #readNow({ namespace, name }: PodQuestion['pod'], key: string): Promise<Place | undefined> {
    const { clock, ask } = this.#ports;
    const limit = new AbortController();
    const cancel = clock.after(LIMIT_MS, () => limit.abort(new Error(`no answer within ${LIMIT_MS} ms`)));
    const answer = await ask(namespace, name, limit.signal).finally(cancel);
    switch (answer.kind) {
      case 'away':
        this.#isAway(answer.error);
        return undefined;
      case 'refused':
        this.#isBack();
        this.#isRefused(namespace);
        return undefined;
      case 'bound':
      case 'unbound':
      case 'absent':
      case 'tooLong': {
        this.#isBack();
        this.#refused.delete(namespace);
        const place = { told: answer, at: clock.now(), isDoubted: false };
        this.#places.set(key, place);
        return place;
      }
    }
  }

  #isAway(err: Error): void {
    const { clock, log } = this.#ports;
    if (this.#awayUntil === undefined) {
      log.warn(
        { err },
        'the API server does not say where pods are; what it last said, then the kubelets do',
      );
    }
    this.#awayUntil = clock.now() + AWAY_MS;
  }

  #isBack(): void {
    if (this.#awayUntil !== undefined) this.#ports.log.info({}, 'the API server says where pods are again');
    this.#awayUntil = undefined;
  }

  #isRefused(namespace: Namespace): void {
    const { clock, log } = this.#ports;
    if (!this.#refused.has(namespace)) {
      const right = 'get pods';
      log.warn({ namespace, right }, 'a right is missing at the API server; the kubelets say where pods are');
    }
    this.#refused.set(namespace, clock.now() + REFUSED_MS);
  }

  #toNode(question: PodQuestion, told: Told): NodeName {
    const isHere = told.kind === 'bound' && this.#ports.inventory().get(told.node) !== undefined;
    return isHere ? told.node : this.#refuse(question, told);
  }

  #refuse({ pod: { name } }: PodQuestion, told: Told): never {
    const details = { kind: 'pods', name };
    const pod = JSON.stringify(name);
    switch (told.kind) {
      case 'bound':
        throw new Fault('NotFound', `pod ${pod} is on node ${told.node}, which is none of the gateway's`, {
          details,
        });
      case 'unbound':
        throw new Fault('BadRequest', `pod ${pod} does not have a host assigned: it is not scheduled yet`, {
          details,
        });
      case 'absent':
        throw new Fault('NotFound', `pods ${pod} not found`, { details });
      case 'tooLong':
        throw new Fault(
          'BadGateway',
          `pod ${pod} is too long to be looked up; name the node: /nodes/{node}`,
          {
            details,
          },
        );
    }
  }
}

function toFreshMs(place: Place, question: PodQuestion): number {
  if (place.told.kind !== 'bound') return OTHER_MS;
  if (place.isDoubted) return DOUBTED_MS;
  return isOfOthers(place, question) ? OTHER_MS : BOUND_MS;
}

/** On a node that is not the caller's: remembered as one that is nowhere, so that time does not tell them apart. */
const isOfOthers = ({ told }: Place, { among }: PodQuestion): boolean =>
  told.kind === 'bound' && among !== undefined && !among.nodes.has(told.node);

const toKey = ({ namespace, name }: Pick<PodRef, 'namespace' | 'name'>): string => `${namespace}/${name}`;
