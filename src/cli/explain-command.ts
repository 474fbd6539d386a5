// kubelet-gateway explain: the whole reasoning about one request of one user, without sending it.

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Asked } from './explain/request.ts';
import type { GatewayConfiguration } from '../core/configuration.ts';
import type { Authentication, User } from '../core/user.ts';
import type { Command } from './command.ts';
import { loadConfiguration } from '../config/load.ts';
import { Fault } from '../core/fault.ts';
import { ANONYMOUS, SYSTEM_AUTHENTICATED } from '../core/user.ts';
import { createToUser } from '../identify/jwt/claims.ts';
import { EXIT_OK, EXIT_USAGE, UsageError } from './command.ts';
import { ACTION_WORDS, ANY_NODE, toAskedRequest } from './explain/request.ts';
import { printProblems } from './problems.ts';

/** The answer is no. */
const EXIT_REFUSED = 1;

const OPTIONS = {
  config: { type: 'string' },
  user: { type: 'string' },
  uid: { type: 'string' },
  groups: { type: 'string', multiple: true },
  extra: { type: 'string', multiple: true },
  claims: { type: 'string' },
  container: { type: 'string', short: 'c' },
  stdin: { type: 'boolean', short: 'i' },
  tty: { type: 'boolean', short: 't' },
  reason: { type: 'string' },
  offline: { type: 'boolean' },
  output: { type: 'string' },
} as const;

export const explainCommand: Command = {
  name: 'explain',
  synopsis: '--config FILE --user USER ACTION NODE [NAMESPACE/POD] [-- COMMAND…]',
  summary:
    'Print how a request would be decided, and why. No node is asked. Exit code 1: it would be refused.',
  details: `ACTION is one of ${ACTION_WORDS.join(', ')}. NODE is ${ANY_NODE} for the fleet's server URL.

  --groups G,…        The user's groups, but for system:authenticated, which is added. May be repeated.
  --uid ID            The user's uid.
  --extra KEY=VALUE   A value of the user's extra. May be repeated.
  --claims FILE       The claims of the user's token, as a JSON object. Without --user, the user is whom the issuer's
                      claimMappings make of them.
  -c, --container C   The container.
  -i, -t              Standard input; a terminal.
  --reason TEXT       Why, as Kubelet-Gateway-Reason says it.
  --offline           Ask nobody, and only say what would be asked.
  --output json       The same as JSON.`,
  async run(args, terminal) {
    const { values, asked } = parse(args);
    const { config, output = 'text' } = values;
    if (config === undefined) throw new UsageError('--config FILE is missing');
    if (output !== 'text' && output !== 'json') throw new UsageError('--output is text or json');
    const request = toAskedRequest(asked);
    const claims = values.claims === undefined ? undefined : await readClaims(values.claims);
    const loaded = await loadConfiguration(config);
    if (!loaded.ok) {
      printProblems(loaded, (text) => terminal.err(text));
      return EXIT_USAGE;
    }
    const { configuration } = loaded;
    const authentication = toAuthentication(values, claims, configuration);
    // Loaded when they are needed: the other commands want none of it.
    const [{ explain }, { toExplanationText }] = await Promise.all([
      import('./explain/explain.ts'),
      import('./explain/text.ts'),
    ]);
    const offline = values.offline ?? false;
    const explanation = await explain({ configuration, authentication, request, offline });
    terminal.out(
      output === 'json' ? `${JSON.stringify(explanation, null, 2)}\n` : toExplanationText(explanation),
    );
    const { outcome } = explanation;
    if (outcome.kind === 'notDecided' && outcome.why !== undefined) return EXIT_USAGE;
    return outcome.kind === 'refused' ? EXIT_REFUSED : EXIT_OK;
  },
};

function parse(args: readonly string[]) {
  const end = args.indexOf('--');
  const before = end < 0 ? args : args.slice(0, end);
  const { values, positionals } = parseArgs({ args: [...before], options: OPTIONS, allowPositionals: true });
  const [action, node, ...rest] = positionals;
  if (action === undefined || node === undefined) throw new UsageError('an action and a node are missing');
  const asked: Asked = {
    action,
    node,
    rest,
    container: values.container,
    stdin: values.stdin ?? false,
    tty: values.tty ?? false,
    reason: values.reason,
    command: end < 0 ? [] : args.slice(end + 1),
  };
  return { values, asked };
}

type Values = ReturnType<typeof parse>['values'];
type Claims = Readonly<Record<string, unknown>>;

async function readClaims(file: string): Promise<Claims> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new UsageError(`the claims cannot be read from ${file}: they must be a JSON object`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError(`the claims in ${file} are not a JSON object`);
  }
  return Object.fromEntries(Object.entries(value));
}

function toAuthentication(
  values: Values,
  claims: Claims | undefined,
  configuration: GatewayConfiguration,
): Authentication {
  const issuer = typeof claims?.['iss'] === 'string' ? claims['iss'] : undefined;
  return {
    user:
      values.user === undefined
        ? toClaimedUser(claims, issuer, configuration)
        : toNamedUser(values, values.user),
    method: claims === undefined ? (values.user === ANONYMOUS.name ? 'anonymous' : 'x509') : 'jwt',
    ...(issuer === undefined ? {} : { issuer }),
    expiresAt: Number.MAX_SAFE_INTEGER,
    ...(claims === undefined ? {} : { claims: () => claims }),
  };
}

/** As a certificate or a token would have said it. */
function toNamedUser({ groups = [], uid = '', extra = [] }: Values, name: string): User {
  if (name === ANONYMOUS.name) return ANONYMOUS;
  const named = groups.flatMap((list) => list.split(',')).filter((group) => group !== '');
  const values = new Map<string, string[]>();
  for (const pair of extra) {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError('--extra is KEY=VALUE');
    const key = pair.slice(0, at);
    values.set(key, [...(values.get(key) ?? []), pair.slice(at + 1)]);
  }
  return {
    name,
    uid,
    groups: [...new Set([...named, SYSTEM_AUTHENTICATED])],
    extra: Object.fromEntries(values),
  };
}

/** Whom the mappings of the issuer make of the claims. The token itself is nobody's business here. */
function toClaimedUser(
  claims: Claims | undefined,
  url: string | undefined,
  { authentication }: GatewayConfiguration,
): User {
  if (claims === undefined) throw new UsageError('--user or --claims is missing');
  const issuer = authentication.issuers.jwt.find((candidate) => candidate.issuer.url === url);
  if (issuer === undefined) {
    throw new UsageError('the claim iss names none of the configured issuers: say --user beside --claims');
  }
  const { allowSystemNames } = authentication.jwt;
  try {
    return createToUser({ issuer, allowSystemNames })(claims);
  } catch (error) {
    if (error instanceof Fault)
      throw new UsageError(`these claims name no user: ${error.message}`, { cause: error });
    throw error;
  }
}
