// kubelet-gateway doctor: examines a node with the gateway's own dial, credentials and rules about addresses.

import { parseArgs } from 'node:util';
import type { Command } from './command.ts';
import { loadConfiguration } from '../config/load.ts';
import { isNodeName } from '../core/names.ts';
import { EXIT_OK, EXIT_USAGE, UsageError } from './command.ts';
import { printProblems } from './problems.ts';

/** Something is to be done. */
const EXIT_FINDINGS = 1;

const DEFAULT_READ_ONLY_PORT = 10_255;

const OPTIONS = {
  config: { type: 'string' },
  credential: { type: 'string' },
  'read-only-port': { type: 'string' },
  output: { type: 'string' },
} as const;

export const doctorCommand: Command = {
  name: 'doctor',
  synopsis: '--config FILE NODE [--credential NAME]',
  summary:
    'Examine a node: certificate, credentials, clock, and what undoes the gateway. Exit code 1: findings.',
  details: `The node is asked with GET alone, for things that change nothing. Nothing is sent to it unless the gateway would trust it.

  --credential NAME      Try this credential of the configuration. Default: all that the mappings can show to the node.
  --read-only-port PORT  Where to look for the read-only port when the kubelet does not tell. Default: ${DEFAULT_READ_ONLY_PORT}.
  --output json          The findings as JSON.

Exit code 0: nothing is to be done. 1: there are findings. 2: it could not be examined.`,
  async run(args, terminal) {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
    const { config, output = 'text', credential } = values;
    const [node, ...others] = positionals;
    if (config === undefined) throw new UsageError('--config FILE is missing');
    if (output !== 'text' && output !== 'json') throw new UsageError('--output is text or json');
    if (node === undefined || others.length > 0) throw new UsageError('the name of one node is needed');
    if (!isNodeName(node)) throw new UsageError(`${JSON.stringify(node)} is not the name of a node`);
    const readOnlyPort = toPort(values['read-only-port']);
    const loaded = await loadConfiguration(config);
    if (!loaded.ok) {
      printProblems(loaded, (text) => terminal.err(text));
      return EXIT_USAGE;
    }
    // Loaded when they are needed: the other commands want none of it.
    const [{ runDoctor }, { toReportText }, { isProblem }] = await Promise.all([
      import('./doctor/run.ts'),
      import('./doctor/text.ts'),
      import('../doctor/finding.ts'),
    ]);
    const report = await runDoctor({
      configuration: loaded.configuration,
      node,
      ...(credential === undefined ? {} : { credential }),
      readOnlyPort,
    });
    terminal.out(output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : toReportText(report));
    return report.findings.some(isProblem) ? EXIT_FINDINGS : EXIT_OK;
  },
};

function toPort(text: string | undefined): number {
  const port = text === undefined ? DEFAULT_READ_ONLY_PORT : Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new UsageError('--read-only-port is a port');
  return port;
}
