// kubelet-gateway logout: forgets the tokens that `login` keeps.

import type { Command } from '../command.ts';
import { openTokenCache } from '../../sign-in/token-cache.ts';
import { EXIT_OK } from '../command.ts';
import { completeFlags, toCacheFolder, toProviderSettings } from './flags.ts';

export const logoutCommand: Command = {
  name: 'logout',
  synopsis: '[--issuer-url URL --client-id ID] [--context NAME]',
  summary: 'Forget the tokens that login keeps on this machine. The session at the provider goes on.',
  async run(args, terminal) {
    const flags = await completeFlags(args, process.env);
    const cache = await openTokenCache(toCacheFolder(flags, process.env), await toProviderSettings(flags));
    await cache.remove();
    terminal.err('the tokens on this machine are forgotten\n');
    return EXIT_OK;
  },
};
