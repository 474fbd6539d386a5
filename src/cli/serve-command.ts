// kubelet-gateway serve: the arguments of it. What it does is in serve.ts.

import { parseArgs } from 'node:util';
import type { Command } from './command.ts';
import { UsageError } from './command.ts';

export const serveCommand: Command = {
  name: 'serve',
  synopsis: '--config FILE',
  summary: 'Run the gateway. SIGHUP or a changed file reloads the configuration, SIGTERM drains and stops.',
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { config: { type: 'string' } } });
    if (values.config === undefined) throw new UsageError('--config FILE is missing');
    // Loaded when it is needed: the other commands want none of it.
    const { serve } = await import('./serve.ts');
    return serve(values.config);
  },
};
