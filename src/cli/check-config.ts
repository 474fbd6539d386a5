// kubelet-gateway check-config: everything that can be known about a configuration without starting anything.

import { parseArgs } from 'node:util';
import type { Command } from './command.ts';
import { loadConfiguration } from '../config/load.ts';
import { EXIT_OK, EXIT_USAGE, UsageError } from './command.ts';
import { printProblems } from './problems.ts';

export const checkConfig: Command = {
  name: 'check-config',
  synopsis: 'FILE',
  summary:
    'Report every problem and warning of a configuration and of the files it names. Exit code 2: not usable.',
  async run(args, terminal) {
    const { positionals } = parseArgs({ args: [...args], allowPositionals: true, options: {} });
    const [file, ...others] = positionals;
    if (file === undefined) throw new UsageError('the name of the configuration file is missing');
    if (others.length > 0) throw new UsageError('one configuration file at a time');
    const loaded = await loadConfiguration(file, { checkCredentialFiles: true });
    printProblems(loaded, (text) => terminal.err(text));
    if (!loaded.ok) return EXIT_USAGE;
    const count = loaded.warnings.length;
    const warnings = count === 0 ? '' : `, with ${count} ${count === 1 ? 'warning' : 'warnings'}`;
    terminal.out(`${file}: the configuration is valid${warnings}\n`);
    return EXIT_OK;
  },
};
