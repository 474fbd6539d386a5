// The one file that knows everyone. It builds the line from a configuration, keeps what outlives a reload (listeners,
// audit log, metrics, connections to nodes), and swaps one reference when the configuration changes: running exchanges
// keep the line that they began with.

import type { Action } from './core/action.ts';
import type { GatewayConfiguration } from './core/configuration.ts';
import type { Authorizer } from './core/decision.ts';
import type { Authorizable, Credentialed, Located } from './core/exchange.ts';
import type { Inventory } from './core/node.ts';
import type { MappingTrace } from './credential/credential.ts';
import type { Foundation } from './compose/foundation.ts';
import type { Line } from './gateway/handle.ts';
import type { KeySnapshot } from './identify/jwt/authenticator.ts';
import { createScrapeTargets, toNodeNames } from './answer/scrape-targets.ts';
import { createAuthorize } from './authorize/authorize.ts';
import { createAnswer, createSendWatch } from './compose/answers.ts';
import { composeAdmission, composeAuthorizer } from './compose/authorizer.ts';
import { composeCredentials } from './compose/credentials.ts';
import { composeFleet } from './compose/fleet.ts';
import { composeForward } from './compose/forwarder.ts';
import { composeInventory } from './compose/inventory.ts';
import { composeBearer, composeCertificates, composeTokenReview, composeTokens } from './compose/identity.ts';
import type { ComposedLogin } from './compose/login.ts';
import { composeLogin, withLogin } from './compose/login.ts';
import { composeServe } from './compose/serving.ts';
import { createIdentify } from './identify/identify.ts';
import { refuse } from './listen/refuse.ts';
import { toGitVersion } from './kubectl/discovery.ts';
import { createLocate } from './locate/locate.ts';
import { createAdminResolve } from './resolve/admin-resolve.ts';
import { createResolve } from './resolve/resolve.ts';

/** A line with what belongs to it. */
export interface ComposedLine {
  readonly line: Line;
  /** The line of the admin listener: the same stages, and paths of its own. */
  readonly admin: Line;
  /** Pages for people, where somebody may sign in with a browser. */
  readonly login: ComposedLogin | undefined;
  /** Fetches the issuers' keys, and keeps them fresh. Resolves when every first attempt has ended. */
  start(): Promise<void>;
  /** Why no one can sign in at present, in words. */
  problem(): string | undefined;
  /** From now on the rights of what runs, of earlier lines too, are those of this line. */
  enforce(): void;
  /** Why no node is known, in words. */
  nodesProblem(): string | undefined;
  /** The issuers' keys, for the next line. */
  keys(): KeySnapshot;
  /** Lets go of what the line holds, once its running exchanges have passed the stages that need it. */
  retire(): void;
}

/** For whoever wants to know what the stages decide and why, and lets them ask no node (cli/explain). */
export interface LineProbes {
  authorizer?(inner: Authorizer): Authorizer;
  readonly mapping?: MappingTrace;
  /** Instead of asking the node for its pods. */
  pods?(reading: Credentialed): Promise<unknown>;
}

const rechecked = <Result>(
  { rechecks }: Foundation,
  exchange: Authorizable,
  work: () => Promise<Result>,
): Promise<Result> => rechecks?.during(exchange, work) ?? work();

/** Throws an Error when a part of the configuration cannot be used after all. */
export function composeLine(
  foundation: Foundation,
  configuration: GatewayConfiguration,
  before?: KeySnapshot,
  probes: LineProbes = {},
): ComposedLine {
  const parts = composeParts(foundation, configuration, before, probes);
  const { tokens, tokenReview, authorization, credentials, inventory, login, bearers } = parts;
  const { line, fleet } = toLine(foundation, configuration, parts, probes);
  return {
    line: login === undefined ? line : { ...line, refusePerson: login.refusePerson },
    admin: {
      ...line,
      // Cookies are for all ports of a host; a session of a browser counts on the listeners for people alone.
      identify: withLogin(login, createIdentify(bearers)),
      resolve: createAdminResolve({ version: toGitVersion(foundation.version) }),
    },
    login,
    start: async () => {
      await Promise.all([tokens.start(), login?.start()]);
    },
    // One provider that is down must not take the gateway from the users of the others.
    problem: () => {
      const problems = tokens.issuers.map((issuer) => issuer.ready());
      return problems.every((problem) => problem !== undefined) ? problems[0] : undefined;
    },
    enforce: () => {
      const { authorizer, ...limit } = authorization.again;
      foundation.rechecks?.use(authorizer, { ...configuration.recheck, ...limit });
      fleet.enforce();
    },
    nodesProblem: () => inventory.inventory.problem?.(),
    keys: () => tokens.snapshot(),
    retire: () => {
      tokens.stop();
      login?.release();
      tokenReview?.release();
      inventory.release();
      authorization.release();
      credentials.release();
    },
  };
}

/** The stages' own parts, each of which may throw. */
function composeParts(
  foundation: Foundation,
  configuration: GatewayConfiguration,
  before: KeySnapshot | undefined,
  probes: LineProbes,
) {
  const tokens = composeTokens(foundation, configuration, before);
  const authorization = composeAuthorizer(foundation, configuration);
  const credentials = composeCredentials(foundation, configuration, probes.mapping);
  const forward = composeForward(foundation, configuration);
  const tokenReview = composeTokenReview(foundation, configuration);
  const scrapeTargets = createScrapeTargets({
    inventory: () => inventory.inventory,
    authorizer: authorization.authorizer,
  });
  const login = composeLogin(foundation, configuration, {
    tokens,
    readableNodes: async (identified) => toNodeNames(await scrapeTargets(identified)),
  });
  const bearers = {
    certificate: composeCertificates(foundation, configuration),
    token: composeBearer(tokens, tokenReview?.authenticate),
    anonymousPaths: new Set(configuration.authentication.issuers.anonymous?.paths),
  };
  // The last that may throw: what it follows is let go by `retire` alone.
  const inventory = composeInventory(foundation, configuration.nodes);
  return {
    tokens,
    authorization,
    credentials,
    forward,
    tokenReview,
    scrapeTargets,
    login,
    bearers,
    inventory,
  };
}

function toLine(
  foundation: Foundation,
  configuration: GatewayConfiguration,
  parts: ReturnType<typeof composeParts>,
  probes: LineProbes,
) {
  const { clock, observer, version } = foundation;
  const { tokens, tokenReview, forward, login, scrapeTargets } = parts;
  const { authorizer, flush } = parts.authorization;
  const credential = parts.credentials.stage;
  const { podSubresources } = configuration.authorization;
  const inventory = (): Inventory => parts.inventory.inventory;
  const endpoints = new Set(configuration.endpoints.enabled);
  const resolve = createResolve({ endpoints, podSubresources, version: toGitVersion(version) });
  // The pods of a node are read with the credential of the gateway's that the exchange would be given for reading them.
  const pods = async (located: Located, signal: AbortSignal): Promise<unknown> => {
    const read: Located = { ...located, action: { kind: 'pods' }, transport: { kind: 'http' } };
    const reading = await credential(read, 'gateway');
    return probes.pods?.(reading) ?? forward.fetchPods(reading, signal);
  };
  const text = async (located: Located, action: Action, signal: AbortSignal): Promise<string> =>
    forward.fetchText(
      await credential({ ...located, action, transport: { kind: 'http' } }, 'gateway'),
      action,
      signal,
    );
  const authorize = createAuthorize({ authorizer: probes.authorizer?.(authorizer) ?? authorizer });
  const { podClient } = parts.inventory;
  const admission = composeAdmission(foundation, configuration);
  const locate = createLocate({ admit: admission.check, inventory, pods });
  const fleet = composeFleet(foundation, {
    ...{ inventory, authorizer, authorize, admission, podSubresources, pods, text },
    ...(podClient === undefined ? {} : { podClient }),
  });
  const sendWatch = createSendWatch(clock, configuration.sessions.credentialExpiryGraceMs);
  const line: Line = {
    observe: observer,
    identify: withLogin(login, createIdentify({ ...parts.bearers, session: login?.session })),
    resolve: login === undefined ? resolve : (identified) => login.check(resolve(identified)),
    authorize,
    permit: fleet.permit,
    find: fleet.find,
    locate: (authorized) => fleet.doubting(authorized, () => locate(authorized)),
    credential,
    forward: (credentialed, observation) =>
      fleet.doubting(credentialed, () =>
        rechecked(foundation, credentialed, () => {
          const watch = fleet.watch.ofNode(credentialed);
          if (watch === undefined) return forward.forward(credentialed, observation);
          return sendWatch(credentialed, watch, observation);
        }),
      ),
    answer: createAnswer({ clock, scrapeTargets, fleet, sendWatch }),
    serve: composeServe(foundation, configuration, {
      sar: flush,
      tokens: () => [tokens, tokenReview].forEach((known) => known?.flush()),
    }),
    refuse: (received, fault) => refuse(received, fault, clock),
  };
  return { line, fleet };
}
