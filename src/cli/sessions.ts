// kubelet-gateway sessions: who works in what at this moment, one session as it happens, and its end, by the admin API.

import { parseArgs } from 'node:util';
import type { Command, Terminal } from './command.ts';
import { EXIT_FAILURE, EXIT_OK, UsageError } from './command.ts';
import { AdminError, createAdminClient } from './admin/client.ts';
import type { AdminClient } from './admin/client.ts';
import { CONNECTION_FLAGS, CONNECTION_SYNOPSIS, toConnection } from './admin/connection.ts';
import { printTable, TABLE_ACCEPT } from './admin/table.ts';
import { watchSession } from './sessions/watch.ts';
import type { SessionId } from '../core/operation.ts';
import { isSessionId } from '../core/operation.ts';

const SESSIONS = '/apis/kubelet-gateway.io/v1alpha1/sessions';
const FILTERS = ['user', 'node', 'namespace', 'pod'] as const;

const OPTIONS = {
  ...CONNECTION_FLAGS,
  user: { type: 'string' },
  node: { type: 'string' },
  namespace: { type: 'string' },
  pod: { type: 'string' },
  reason: { type: 'string' },
  identity: { type: 'string' },
  wide: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parse>['values'];

const parse = (args: readonly string[]) =>
  parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS });

export const sessionsCommand: Command = {
  name: 'sessions',
  synopsis: '(list | watch ID | kill ID) …',
  summary: 'List running sessions, follow one read-only, or end one. Talks to the admin listener.',
  details: [
    `Which gateway, as whom: ${CONNECTION_SYNOPSIS}`,
    'list   [--user NAME] [--node NAME] [--namespace NAME] [--pod NAME] [--wide]',
    'watch  ID [--identity FILE]    What escape sequences would do beyond the screen is left out. Ends with the session, or at',
    '       Ctrl-C. The identity of age is for the screen as it was, where that is in an encrypted recording.',
    'kill   ID [--reason TEXT]    The text is shown to whoever works in the session, and kept in the audit log.',
  ].join('\n'),
  async run(args, terminal) {
    const { values, positionals } = parse(args);
    const act = toAct(values, positionals);
    const client = createAdminClient(await toConnection(values));
    try {
      return await act(client, terminal);
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      terminal.err(`error: ${error.message}\n`);
      return EXIT_FAILURE;
    } finally {
      client.close();
    }
  },
};

type Act = (client: AdminClient, terminal: Terminal) => Promise<number>;

function toAct(values: Values, [verb, id, ...others]: readonly string[]): Act {
  if (others.length > 0) throw new UsageError(`one session at a time`);
  switch (verb) {
    case 'list':
      if (id !== undefined) throw new UsageError('list takes no id');
      refuse(values, ['reason', 'identity'], verb);
      return async (client, terminal) => list(client, terminal, values);
    case 'watch': {
      refuse(values, [...FILTERS, 'reason', 'wide'], verb);
      const known = toId(id);
      return async (client, terminal) => {
        const readBefore = createReadBefore(client, known, values.identity);
        return watchSession({ client, terminal, readBefore }, `${SESSIONS}/${known}/follow`);
      };
    }
    case 'kill': {
      refuse(values, [...FILTERS, 'identity', 'wide'], verb);
      const known = toId(id);
      return async (client, terminal) => kill(client, terminal, known, values.reason);
    }
    default:
      throw new UsageError('list, watch or kill?');
  }
}

function refuse(values: Values, names: readonly (keyof Values)[], verb: string): void {
  const given = names.find((name) => values[name] !== undefined);
  if (given !== undefined) throw new UsageError(`${verb} does not take --${given}`);
}

/** What reads recordings is loaded when it is needed. */
const createReadBefore =
  (client: AdminClient, id: SessionId, identity: string | undefined) =>
  async (shown: number, signal: AbortSignal): Promise<string | undefined> => {
    const { createAdminSource } = await import('./recordings/admin-source.ts');
    const { openIdentity } = await import('./recordings/identity.ts');
    const { readScreenBefore } = await import('./sessions/screen-before.ts');
    const reading = { source: createAdminSource(client), decrypt: await openIdentity(identity) };
    return readScreenBefore(reading, { id, shown, signal });
  };

function toId(text: string | undefined): SessionId {
  if (text === undefined) throw new UsageError('the id of the session is missing');
  if (!isSessionId(text)) throw new UsageError('the id of a session is a UUID, as `sessions list` shows it');
  return text;
}

async function list(client: AdminClient, terminal: Terminal, values: Values): Promise<number> {
  const query = new URLSearchParams();
  for (const name of FILTERS) {
    const value = values[name];
    if (value !== undefined) query.set(name, value);
  }
  const path = query.size === 0 ? SESSIONS : `${SESSIONS}?${query.toString()}`;
  const table = await client.json({ path, accept: TABLE_ACCEPT });
  printTable(table, { wide: values.wide === true }, terminal, 'No session runs.');
  return EXIT_OK;
}

async function kill(
  client: AdminClient,
  terminal: Terminal,
  id: string,
  reason: string | undefined,
): Promise<number> {
  const query = reason === undefined ? '' : `?${new URLSearchParams({ reason }).toString()}`;
  await client.json({ method: 'DELETE', path: `${SESSIONS}/${id}${query}` });
  terminal.out(`session ${id} is being ended\n`);
  return EXIT_OK;
}
