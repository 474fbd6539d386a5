// A token for the gateway, by the least effort: the one in the cache, one renewed with the refresh token, or a login by
// browser or device code. One login at a time for each cache file.

import type { CodeFlow, Demand, DeviceFlow, Provider, Tokens } from './provider.ts';
import type { TokenCache } from './token-cache.ts';
import type { Loopback } from './loopback.ts';
import { SignInError } from './sign-in-error.ts';

/** A token that ends sooner is renewed: the request that it is for has still to be made. */
const LEEWAY_MS = 30_000;

export type Flow = 'browser' | 'device' | 'auto';

export interface SignInPorts {
  readonly cache: TokenCache;
  /** Asked once, and only when the cache does not do. */
  readonly connect: () => Promise<Provider>;
  readonly listen: () => Promise<Loopback>;
  /** False: there is no browser here. */
  readonly openBrowser: (url: string) => Promise<boolean>;
  /** To the person, not to the program that reads the token. */
  readonly say: (text: string) => void;
  readonly now: () => number;
}

export interface SignInOptions {
  readonly flow: Flow;
  readonly demand: Demand;
  /** Whether the cache is passed over. */
  readonly force: boolean;
  readonly signal: AbortSignal;
}

/** Rejects with a SignInError. */
export async function signIn(ports: SignInPorts, options: SignInOptions): Promise<Tokens> {
  const { cache } = ports;
  const cached = await usable(ports, options);
  if (cached !== undefined) return cached;
  return cache.alone(async () => {
    // Another process may have renewed it while this one waited for its turn.
    const meanwhile = await usable(ports, options);
    if (meanwhile !== undefined) return meanwhile;
    const provider = await ports.connect();
    const tokens = (await renew(ports, options, provider)) ?? (await login(ports, options, provider));
    await cache.write(tokens);
    warnOfClock(ports, provider.clockAheadMs());
    return tokens;
  }, options.signal);
}

/** It does, as long as a token is good for longer than the clock is off. */
function warnOfClock({ say }: SignInPorts, aheadMs: number): void {
  if (aheadMs === 0) return;
  const minutes = Math.max(1, Math.round(Math.abs(aheadMs) / 60_000));
  const where = aheadMs > 0 ? 'ahead of' : 'behind';
  say(
    `kubelet-gateway login: the clock of this machine is ${minutes} min ${where} the provider's: set it right`,
  );
}

async function usable(ports: SignInPorts, { demand, force }: SignInOptions): Promise<Tokens | undefined> {
  if (force) return undefined;
  const tokens = await ports.cache.read();
  if (tokens === undefined || tokens.expiresAt - LEEWAY_MS <= ports.now()) return undefined;
  return meets(tokens, demand, ports.now()) ? tokens : undefined;
}

async function renew(
  ports: SignInPorts,
  { demand, force }: SignInOptions,
  provider: Provider,
): Promise<Tokens | undefined> {
  const before = force ? undefined : await ports.cache.read();
  if (before?.refreshToken === undefined || !meets(before, demand, ports.now())) return undefined;
  const tokens = await provider.refresh(before.refreshToken);
  if (tokens === undefined) return undefined;
  // A refreshed ID token need not repeat when the person signed in; it was not since.
  const { authenticatedAt, acr } = before;
  return {
    ...(authenticatedAt === undefined ? {} : { authenticatedAt }),
    ...(acr === undefined ? {} : { acr }),
    ...tokens,
  };
}

/** Whether a login is as fresh and as strong as demanded. What is not known is not. */
function meets({ authenticatedAt, acr }: Tokens, { maxAgeSeconds, acrValues }: Demand, now: number): boolean {
  if (maxAgeSeconds !== undefined) {
    if (authenticatedAt === undefined || now - authenticatedAt > maxAgeSeconds * 1000) return false;
  }
  return acrValues === undefined || (acr !== undefined && acrValues.includes(acr));
}

async function login(ports: SignInPorts, options: SignInOptions, provider: Provider): Promise<Tokens> {
  const tokens = await (options.flow === 'device' ? byDevice : byBrowser)(ports, options, provider);
  if (!meets(tokens, withoutAge(options.demand), ports.now())) {
    const wanted = options.demand.acrValues?.join(' or ') ?? '';
    throw new SignInError(
      `the provider signed you in, but not in the way that is asked for (acr ${wanted}); it said ${tokens.acr ?? 'nothing about it'}`,
    );
  }
  return tokens;
}

/** The age was checked by the provider's client against auth_time, with its own allowance for clocks. */
const withoutAge = ({ acrValues }: Demand): Demand => (acrValues === undefined ? {} : { acrValues });

async function byBrowser(ports: SignInPorts, options: SignInOptions, provider: Provider): Promise<Tokens> {
  const loopback = await ports.listen();
  try {
    const flow: CodeFlow = await provider.beginCode(loopback.redirectUri, options.demand);
    const answer = loopback.answer(flow.state, options.signal);
    // Not unhandled if opening the browser fails first.
    answer.catch(() => undefined);
    if (!(await ports.openBrowser(flow.url))) {
      if (options.flow === 'auto' && provider.hasDeviceFlow) return await byDevice(ports, options, provider);
      ports.say(`Open this address in a browser on this machine:\n\n  ${flow.url}\n`);
    } else ports.say('Waiting for the login in the browser …');
    return await flow.redeem(await answer);
  } finally {
    await loopback.close();
  }
}

async function byDevice(ports: SignInPorts, options: SignInOptions, provider: Provider): Promise<Tokens> {
  if (!provider.hasDeviceFlow) {
    throw new SignInError('the provider has no device login; use --flow browser on a machine with a browser');
  }
  const flow: DeviceFlow = await provider.beginDevice(options.demand);
  const direct = flow.verificationUriComplete;
  ports.say(
    `On any device, open ${flow.verificationUri} and enter the code ${flow.userCode}` +
      `${direct === undefined ? '' : `\nor open ${direct}`}\n`,
  );
  return flow.wait(options.signal);
}
