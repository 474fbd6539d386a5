// kubelet-gateway logout: forgets the tokens that `login` keeps, and gives the refresh token back to the provider.

import type { Command, Terminal } from '../command.ts';
import type { LoginFlags } from './flags.ts';
import { createFetch } from '../../outbound/fetch.ts';
import type { ProviderSettings } from '../../sign-in/provider.ts';
import { SignInError } from '../../sign-in/sign-in-error.ts';
import { openTokenCache } from '../../sign-in/token-cache.ts';
import { EXIT_OK } from '../command.ts';
import { completeFlags, readAuthority, toCacheFolder, toProviderSettings } from './flags.ts';

export const logoutCommand: Command = {
  name: 'logout',
  synopsis: '[--issuer-url URL --client-id ID] [--context NAME]',
  summary:
    'Forget the tokens that login keeps on this machine. The session in the browser at the provider goes on.',
  async run(args, terminal) {
    const flags = await completeFlags(args, process.env);
    const settings = await toProviderSettings(flags);
    const cache = await openTokenCache(toCacheFolder(flags, process.env), settings);
    const refreshToken = (await cache.read())?.refreshToken;
    await cache.remove();
    terminal.err('the tokens on this machine are forgotten\n');
    if (refreshToken !== undefined) await handBack(terminal, flags, settings, refreshToken);
    return EXIT_OK;
  },
};

/** A copy of the file would be worth something for as long as the refresh token is. */
async function handBack(
  terminal: Terminal,
  flags: LoginFlags,
  settings: ProviderSettings,
  refreshToken: string,
): Promise<void> {
  const { fetch, close } = createFetch({ certificateAuthority: await readAuthority(flags) });
  try {
    const { connectProvider } = await import('../../sign-in/provider.ts');
    if (await (await connectProvider(fetch, settings)).forget(refreshToken)) return;
    terminal.err('the provider takes no refresh token back: a copy of it counts there until it runs out\n');
  } catch (error) {
    if (!(error instanceof SignInError)) throw error;
    terminal.err(
      `the refresh token could not be given back, a copy of it counts until it runs out: ${error.message}\n`,
    );
  } finally {
    await close();
  }
}
