// kubelet-gateway audit: verify a log, make a key, run a signer. Each is a command of its own, loaded when it is needed.

import type { Command, Terminal } from './command.ts';
import { UsageError } from './command.ts';

type Subcommand = (args: readonly string[], terminal: Terminal) => Promise<number>;

const SUBCOMMANDS: Readonly<Record<string, () => Promise<Subcommand>>> = {
  verify: async () => (await import('./audit/verify.ts')).verify,
  keygen: async () => (await import('./audit/keygen.ts')).keygen,
  signer: async () => (await import('./audit/signer.ts')).signer,
};

export const auditCommand: Command = {
  name: 'audit',
  synopsis: 'verify|keygen|signer …',
  summary: `Prove that an audit log is whole, make the key that signs it, or run a signer apart from the gateway.

  audit verify {--log FILE [--checkpoints FILE]}… [--keys FILE]… [--recordings DIR | --config FILE] [--json]
      Several logs: of gateways that record in one place. Each has its own checkpoints, in the same order.
      --config: recordings are where the configuration says, in an S3 store too.
      Exit code 0: proven up to the last checkpoint. 1: something was changed. 2: called wrongly, or unreadable.
      3: nothing is wrong, and not all is proven.
  audit keygen --private FILE --public FILE
      Make an Ed25519 key; the public one as a JWK set.
  audit signer --key FILE --socket PATH --journal FILE
      Sign checkpoints for a gateway, each number once.`,
  async run(args, terminal) {
    const [name, ...rest] = args;
    const load = name === undefined || !Object.hasOwn(SUBCOMMANDS, name) ? undefined : SUBCOMMANDS[name];
    if (load === undefined) throw new UsageError('say verify, keygen or signer');
    const run = await load();
    return run(rest, terminal);
  },
};
