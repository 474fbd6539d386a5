// The one file that knows everyone. It builds the line from a configuration, keeps what outlives a reload (listeners,
// audit log, metrics, connections to nodes), and swaps one reference when the configuration changes: running exchanges
// keep the line that they began with.

import type { Authorizer } from './core/decision.ts';
import type { GatewayConfiguration } from './core/configuration.ts';
import type { Answered, Received } from './core/exchange.ts';
import type { Ending, Observer } from './core/observation.ts';
import type { Clock } from './core/ports.ts';
import type { RecordingState } from './core/recording.ts';
import type { Pools } from './forward/pools.ts';
import type { Line } from './gateway/handle.ts';
import type { TokenAuthenticator } from './identify/identify.ts';
import type { JwtAuthenticator, KeySnapshot } from './identify/jwt/authenticator.ts';
import type { GatewayLog } from './observe/log.ts';
import type { Metrics } from './observe/metrics/metrics.ts';
import { createScrapeTargets } from './answer/scrape-targets.ts';
import { createAuthorize } from './authorize/authorize.ts';
import { createRbacAuthorizer } from './authorize/rbac.ts';
import { createSarAuthorizer } from './authorize/sar.ts';
import { createCredentialStage } from './credential/credential.ts';
import { createCredentialStore } from './credential/store.ts';
import { createForward } from './forward/forward.ts';
import { createIdentify } from './identify/identify.ts';
import { createJwtAuthenticator } from './identify/jwt/authenticator.ts';
import { createTokenChain } from './identify/token-chain.ts';
import { createTokenReviewAuthenticator } from './identify/token-review.ts';
import { createCertificateAuthenticator } from './identify/x509.ts';
import { createStaticInventory } from './inventory/static.ts';
import { createKubeClient } from './kube/client.ts';
import { sendAnswer, sendRedirect } from './listen/answer.ts';
import { refuse } from './listen/refuse.ts';
import { createLocate } from './locate/locate.ts';
import { createGetJson } from './outbound/http-get.ts';
import { createRecorder } from './record/recorder.ts';
import { createResolve } from './resolve/resolve.ts';

/** What lines are built on, and what outlives each of them. */
export interface Foundation {
  readonly clock: Clock;
  readonly log: GatewayLog;
  readonly metrics: Metrics;
  readonly observer: Observer;
  readonly pools: Pools;
  readonly version: string;
}

/** A line with what belongs to it. */
export interface ComposedLine {
  readonly line: Line;
  /** Fetches the issuers' keys, and keeps them fresh. Resolves when every first attempt has ended. */
  start(): Promise<void>;
  /** Why no one can sign in at present, in words. */
  problem(): string | undefined;
  /** The issuers' keys, for the next line. */
  keys(): KeySnapshot;
  /** Lets go of what the line holds, once its running exchanges have passed the stages that need it. */
  retire(): void;
}

/** Throws an Error when a part of the configuration cannot be used after all. */
export function composeLine(
  foundation: Foundation,
  configuration: GatewayConfiguration,
  before?: KeySnapshot,
): ComposedLine {
  const { clock, observer, version } = foundation;
  const inventory = createStaticInventory(configuration.nodes);
  const tokens = composeTokens(foundation, configuration, before);
  const { authorizer, release } = composeAuthorizer(foundation, configuration);
  const credential = composeCredential(foundation, configuration);
  const forward = composeForward(foundation, configuration);
  const tokenReview = composeTokenReview(foundation, configuration);
  const line: Line = {
    observe: observer,
    identify: createIdentify({
      certificate: composeCertificates(foundation, configuration),
      token: composeBearer(tokens, tokenReview?.authenticate),
      anonymousPaths: new Set(configuration.authentication.issuers.anonymous?.paths),
    }),
    resolve: createResolve({
      endpoints: new Set(configuration.endpoints.enabled),
      podSubresources: configuration.authorization.podSubresources,
      version: `v${version}`,
    }),
    authorize: createAuthorize({ authorizer }),
    // The pods of a node are read with the credential that the exchange itself would be given for reading them.
    locate: createLocate({
      inventory: () => inventory,
      pods: (located, signal) =>
        forward.fetchPods(
          credential({ ...located, action: { kind: 'pods' }, transport: { kind: 'http' } }),
          signal,
        ),
    }),
    credential,
    forward: (credentialed, observation) => forward.forward(credentialed, observation),
    answer: createAnswer(createScrapeTargets({ inventory: () => inventory, authorizer }), clock),
    refuse: (received, fault) => {
      refuse(received, fault, clock);
    },
  };
  return {
    line,
    start: () => tokens.start(),
    // One provider that is down must not take the gateway from the users of the others.
    problem: () => {
      const problems = tokens.issuers.map((issuer) => issuer.ready());
      return problems.every((problem) => problem !== undefined) ? problems[0] : undefined;
    },
    keys: () => tokens.snapshot(),
    retire: () => {
      tokens.stop();
      tokenReview?.release();
      release();
    },
  };
}

const composeCredential = ({ clock, log, metrics }: Foundation, configuration: GatewayConfiguration) =>
  createCredentialStage(
    {
      credentials: createCredentialStore(
        { clock, log, onState: createStaleness(metrics) },
        configuration.credentials,
      ),
    },
    configuration.credentialMappings,
  );

function composeForward({ clock, log, pools, metrics }: Foundation, configuration: GatewayConfiguration) {
  const { forwarding, sessions, recording } = configuration;
  const onEnded = (state: RecordingState, bytes: number): void => metrics.recordingEnded(state, bytes);
  return createForward(
    {
      clock,
      log,
      pools,
      credentialRejected: (code) => metrics.upstreamCredentialRejected(code),
      tap: recording === undefined ? undefined : createRecorder({ clock, log, onEnded }, recording),
    },
    { ...forwarding, sessions },
  );
}

function composeCertificates({ clock }: Foundation, { authentication }: GatewayConfiguration) {
  const { clientCertificateAuthority, clientRevocationLists, maxClientCertificateLifetimeMs } =
    authentication;
  if (clientCertificateAuthority === undefined) return undefined;
  return createCertificateAuthenticator(
    { clock },
    {
      clientCA: clientCertificateAuthority,
      ...(clientRevocationLists === undefined ? {} : { revocationLists: clientRevocationLists }),
      ...(maxClientCertificateLifetimeMs === undefined
        ? {}
        : { maxLifetimeMs: maxClientCertificateLifetimeMs }),
    },
  );
}

/** Who decides about bearer tokens: the issuers, an API server, or each about its own. */
function composeBearer(
  tokens: JwtAuthenticator,
  tokenReview: TokenAuthenticator | undefined,
): TokenAuthenticator | undefined {
  if (tokens.issuers.length === 0) return tokenReview;
  if (tokenReview === undefined) return tokens.authenticate;
  const issuers = new Set(tokens.issuers.map(({ url }) => url));
  return createTokenChain({ jwt: tokens.authenticate, issuers, tokenReview });
}

function composeTokenReview({ clock, log }: Foundation, { authentication }: GatewayConfiguration) {
  const settings = authentication.tokenReview;
  if (settings === undefined) return undefined;
  const client = createKubeClient({ clock }, settings.connection);
  const authenticate = createTokenReviewAuthenticator(
    { reviews: (spec, signal) => client.createTokenReview(spec, signal), clock, log },
    settings,
  );
  return { authenticate, release: () => void clock.after(settings.timeoutMs, () => client.close()) };
}

function composeTokens(
  { clock, log, metrics }: Foundation,
  { authentication }: GatewayConfiguration,
  before: KeySnapshot | undefined,
): JwtAuthenticator {
  return createJwtAuthenticator(
    {
      getJson: createGetJson({ clock }),
      clock,
      log,
      onRefresh: (isSuccess) => {
        metrics.jwksRefresh(isSuccess);
      },
    },
    { ...authentication.jwt, issuers: authentication.issuers.jwt, cache: authentication.tokenCache },
    before,
  );
}

function composeAuthorizer(
  { clock, log, metrics }: Foundation,
  { authorization }: GatewayConfiguration,
): { readonly authorizer: Authorizer; readonly release: () => void } {
  if (authorization.mode === 'RBAC') {
    return { authorizer: createRbacAuthorizer(authorization.rbac), release: () => undefined };
  }
  const settings = authorization.subjectAccessReview;
  const client = createKubeClient({ clock }, settings.connection);
  const authorizer = createSarAuthorizer(
    {
      reviews: (spec, signal) => client.createSubjectAccessReview(spec, signal),
      clock,
      log,
      metrics: metrics.sar,
    },
    settings,
  );
  // Questions that are on their way may still be answered.
  return { authorizer, release: () => void clock.after(settings.timeoutMs, () => client.close()) };
}

/** A credential is stale while the files of any node's copy of it are. */
function createStaleness(metrics: Metrics) {
  const unusable = new Map<string, Set<string>>();
  return (credential: string, node: string | undefined, usable: boolean): void => {
    const nodes = unusable.get(credential) ?? new Set();
    unusable.set(credential, nodes);
    if (usable) nodes.delete(node ?? '');
    else nodes.add(node ?? '');
    metrics.credentialStale(credential, nodes.size > 0);
  };
}

const createAnswer =
  (scrapeTargets: ReturnType<typeof createScrapeTargets>, clock: Clock) =>
  (answered: Answered): Ending | Promise<Ending> => {
    const { answer } = answered;
    switch (answer.kind) {
      case 'json':
        return sendAnswer(answered, { contentType: answer.contentType, body: answer.body }, clock);
      case 'redirect':
        return sendRedirect(answered, answer.location, clock);
      case 'scrapeTargets':
        return scrapeTargets(answered).then((targets) => sendJson(answered, targets, clock));
    }
  };

const sendJson = (received: Received, value: unknown, clock: Clock): Ending =>
  sendAnswer(received, { contentType: 'application/json', body: `${JSON.stringify(value)}\n` }, clock);
