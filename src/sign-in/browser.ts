// Opens an address in the person's browser: $BROWSER where it is set, else what the platform has for it.

import { spawn } from 'node:child_process';

/** False: there is none here, or it did not start. The address is passed as one argument and never through a shell. */
export function openBrowser(
  url: string,
  { env, platform }: { readonly env: NodeJS.ProcessEnv; readonly platform: NodeJS.Platform },
): Promise<boolean> {
  const command = toCommand(env, platform);
  if (command === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const child = spawn(command[0], [...command.slice(1), url], { stdio: 'ignore', detached: true });
    child.once('error', () => resolve(false));
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}

function toCommand(
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform,
): readonly [string, ...string[]] | undefined {
  const chosen = env['BROWSER'];
  if (chosen !== undefined && chosen !== '') return [chosen];
  if (platform === 'darwin') return ['open'];
  if (platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler'];
  const hasDisplay = [env['DISPLAY'], env['WAYLAND_DISPLAY']].some(
    (value) => value !== undefined && value !== '',
  );
  return hasDisplay ? ['xdg-open'] : undefined;
}
