// kubelet-gateway login: signs a person in, for kubectl as its exec plugin, or for any client that sends a bearer token.

import type { Command, Terminal } from '../command.ts';
import type { Flow } from '../../sign-in/sign-in.ts';
import type { Demand, Tokens } from '../../sign-in/provider.ts';
import type { LoginFlags } from './flags.ts';
import { createFetch } from '../../outbound/fetch.ts';
import { openBrowser } from '../../sign-in/browser.ts';
import { readExecInfo, toExecCredential } from '../../sign-in/exec-credential.ts';
import { listenForAnswer } from '../../sign-in/loopback.ts';
import { SignInError } from '../../sign-in/sign-in-error.ts';
import { signIn } from '../../sign-in/sign-in.ts';
import { openTokenCache } from '../../sign-in/token-cache.ts';
import { EXIT_FAILURE, EXIT_OK, UsageError } from '../command.ts';
import {
  completeFlags,
  readAuthority,
  toCacheFolder,
  toPorts,
  toProviderSettings,
  toSeconds,
} from './flags.ts';

const OUTPUTS = ['exec-credential', 'token', 'none'];

const DETAILS = `Without --issuer-url, the settings are those of the kubeconfig's current user.

  --kubeconfig FILE, --context NAME   Which kubeconfig, and which of its contexts.
  --client-secret-file FILE           The client's secret, for a provider that insists on one.
  --certificate-authority FILE        PEM of the authority of the provider's certificate.
  --scope SCOPE                       May be repeated. Default: openid, offline_access.
  --token id|access                   Which token the gateway is shown. Default: id.
  --flow auto|browser|device          auto: the browser where there is one, else a code to enter elsewhere.
  --redirect-port PORT                Of the provider's answer on loopback. May be repeated. Default: any.
  --max-age 15m                       A sign-in that is no older, whatever the cache holds.
  --acr-values VALUES                 How strong the sign-in must be, in the provider's own words.
  --force                             Sign in even where the cache holds a token.
  --timeout 5m                        How long to wait for the person.
  --cache-dir DIR                     Where tokens are kept. Default: ~/.cache/kubelet-gateway/tokens.
  --output exec-credential|token|none What is printed. Default: exec-credential under kubectl, else none.`;

export const loginCommand: Command = {
  name: 'login',
  synopsis: '[--issuer-url URL --client-id ID] [--flow auto|browser|device] [--max-age 15m] [--output token]',
  summary: 'Sign in at the identity provider: as the exec plugin of kubectl, or to print a token.',
  details: DETAILS,
  run: (args, terminal) => run(args, terminal, process.env),
};

async function run(args: readonly string[], terminal: Terminal, env: NodeJS.ProcessEnv): Promise<number> {
  const flags = await completeFlags(args, env);
  const info = env['KUBERNETES_EXEC_INFO'];
  const output = flags.output ?? (info === undefined ? 'none' : 'exec-credential');
  if (!OUTPUTS.includes(output)) throw new UsageError(`--output must be ${OUTPUTS.join(', ')}`);
  try {
    const apiVersion = info === undefined ? 'client.authentication.k8s.io/v1' : readExecInfo(info);
    const tokens = await obtain(flags, terminal, env);
    if (output === 'token') terminal.out(`${tokens.token}\n`);
    else if (output === 'exec-credential') terminal.out(`${toExecCredential(apiVersion, tokens)}\n`);
    else
      terminal.err(`signed in as ${tokens.subject}, until ${new Date(tokens.expiresAt).toLocaleString()}\n`);
    return EXIT_OK;
  } catch (error) {
    if (!(error instanceof SignInError)) throw error;
    terminal.err(`kubelet-gateway login: ${error.message}\n`);
    return EXIT_FAILURE;
  }
}

async function obtain(flags: LoginFlags, terminal: Terminal, env: NodeJS.ProcessEnv): Promise<Tokens> {
  const settings = await toProviderSettings(flags);
  const certificateAuthority = await readAuthority(flags);
  const ports = toPorts(flags);
  const cache = await openTokenCache(toCacheFolder(flags, env), settings);
  const { fetch, close } = createFetch({ certificateAuthority });
  const seconds = toSeconds(flags.timeout ?? '5m', '--timeout');
  try {
    return await signIn(
      {
        cache,
        // Loaded when it is needed: kubectl waits for this program, most often only for a token in a file.
        connect: async () => (await import('../../sign-in/provider.ts')).connectProvider(fetch, settings),
        listen: () => listenForAnswer(ports),
        openBrowser: (url) => openBrowser(url, { env, platform: process.platform }),
        say: (text) => terminal.err(`${text}\n`),
        now: () => Date.now(),
      },
      {
        flow: toFlow(flags.flow ?? 'auto'),
        demand: toDemand(flags),
        force: flags.force ?? false,
        signal: AbortSignal.timeout(seconds * 1000),
      },
    );
  } finally {
    await close();
  }
}

function toFlow(text: string): Flow {
  if (text === 'auto' || text === 'browser' || text === 'device') return text;
  throw new UsageError('--flow must be auto, browser or device');
}

function toDemand(flags: LoginFlags): Demand {
  const maxAge = flags['max-age'];
  const acrValues = flags['acr-values'];
  return {
    ...(maxAge === undefined ? {} : { maxAgeSeconds: toSeconds(maxAge, '--max-age') }),
    ...(acrValues === undefined ? {} : { acrValues: acrValues.split(/[ ,]+/).filter(Boolean) }),
  };
}
