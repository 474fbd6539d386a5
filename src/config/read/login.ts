// The login section as typed values, with its keys and secrets read.

import type { LoginProviderSettings, LoginSettings, RedisSettings } from '../../core/login.ts';
import type { AuthenticationSettings } from '../../core/configuration.ts';
import type { Path } from '../problem.ts';
import type { Reading } from '../reading.ts';
import type { GatewayFile } from '../schema/gateway.ts';
import { Secret } from '../../core/secret.ts';
import { toSuggestion } from '../nearest.ts';
import { resolveFile } from '../files.ts';
import { readAuthorities } from './authorities.ts';

type Section = NonNullable<GatewayFile['login']>;

const PATH: Path = ['login'];
const LEAST_KEY_BYTES = 32;

/** Undefined when there is a problem, which has been told. `authentication` is undefined when it could not be read. */
export async function readLogin(
  section: Section,
  authentication: AuthenticationSettings | undefined,
  reading: Reading,
): Promise<LoginSettings | undefined> {
  const { externalURLs, idle, absolute, replicas } = section;
  const [keys, providers, redis] = await Promise.all([
    readKeys(section, reading),
    Promise.all(section.providers.map((_, index) => readProvider(section, index, authentication, reading))),
    section.redis === undefined ? undefined : readRedis(section.redis, reading),
  ]);
  const isSound = checkLimits(section, reading);
  const [origin, ...origins] = externalURLs;
  const [key, ...otherKeys] = keys.filter((secret) => secret !== undefined);
  const [provider, ...others] = providers.filter((one) => one !== undefined);
  if (!isSound || origin === undefined || key === undefined || provider === undefined) return undefined;
  if (otherKeys.length + 1 < keys.length || others.length + 1 < providers.length) return undefined;
  if (section.redis !== undefined && redis === undefined) return undefined;
  return {
    origins: [origin, ...origins],
    providers: [provider, ...others],
    cookieKeys: [key, ...otherKeys],
    idleMs: idle,
    absoluteMs: absolute,
    replicas,
    ...(redis === undefined ? {} : { redis }),
  };
}

function checkLimits(
  { idle, absolute, replicas, redis, providers }: Section,
  { source, findings }: Reading,
): boolean {
  const names = providers.map(({ name }) => name);
  const twice = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (twice >= 0) {
    findings.problem(source, [...PATH, 'providers', twice, 'name'], 'another provider has this name already');
  }
  if (idle > absolute) findings.problem(source, [...PATH, 'idle'], 'must not be longer than absolute');
  if (replicas === 'several' && redis === undefined) {
    const message =
      'without redis a logout reaches only the gateway that is told of it, and refresh tokens that are good once are not kept';
    findings.warning(source, [...PATH, 'replicas'], message);
  }
  return idle <= absolute && twice < 0;
}

const readKeys = ({ cookieKeyFiles }: Section, reading: Reading): Promise<readonly (Secret | undefined)[]> =>
  Promise.all(
    cookieKeyFiles.map(async (name, index) => {
      const path = [...PATH, 'cookieKeyFiles', index];
      const text = await readSecret(name, path, reading);
      if (text === undefined) return undefined;
      const isBase64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text);
      if (isBase64 && Buffer.from(text, 'base64').length >= LEAST_KEY_BYTES) return new Secret(text);
      const message = `must hold base64 of at least ${LEAST_KEY_BYTES} random bytes: openssl rand -base64 32`;
      reading.findings.problem(reading.source, path, message);
      return undefined;
    }),
  );

async function readSecret(name: string, path: Path, reading: Reading): Promise<string | undefined> {
  const { files, folder, source, findings } = reading;
  const text = (await files.read(resolveFile(folder, name), source, path))?.trim();
  if (text !== '') return text;
  findings.problem(source, path, 'the file is empty');
  return undefined;
}

async function readProvider(
  section: Section,
  index: number,
  authentication: AuthenticationSettings | undefined,
  reading: Reading,
): Promise<LoginProviderSettings | undefined> {
  const { source, findings } = reading;
  const path: Path = [...PATH, 'providers', index];
  const provider = section.providers[index];
  if (provider === undefined) return undefined;
  const {
    name,
    displayName = name,
    issuer: url,
    clientID,
    clientSecretFile,
    scopes,
    rotatesRefreshTokens,
  } = provider;
  const secret =
    clientSecretFile === undefined
      ? undefined
      : await readSecret(clientSecretFile, [...path, 'clientSecretFile'], reading);
  if (!scopes.includes('openid')) findings.problem(source, [...path, 'scopes'], 'must hold openid');
  const issuers = authentication?.issuers.jwt ?? [];
  const issuer = issuers.find((one) => one.issuer.url === url)?.issuer;
  if (authentication !== undefined && issuer === undefined) {
    const suggestion = toSuggestion(
      url,
      issuers.map((one) => one.issuer.url),
    );
    findings.problem(
      source,
      [...path, 'issuer'],
      `is no issuer of authentication.configurationFile${suggestion}`,
    );
  }
  if (issuer !== undefined && !issuer.audiences.includes(clientID)) {
    const message = "is not among the issuer's audiences: its ID tokens would be refused";
    findings.problem(source, [...path, 'clientID'], message);
    return undefined;
  }
  if (issuer === undefined || !scopes.includes('openid')) return undefined;
  if (clientSecretFile !== undefined && secret === undefined) return undefined;
  const { discoveryURL, certificateAuthority } = issuer;
  return {
    name,
    displayName,
    issuer: url,
    clientID,
    scopes,
    rotatesRefreshTokens,
    ...(secret === undefined ? {} : { clientSecret: new Secret(secret) }),
    ...(discoveryURL === undefined ? {} : { discoveryURL }),
    ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
  };
}

async function readRedis(
  redis: NonNullable<Section['redis']>,
  reading: Reading,
): Promise<RedisSettings | undefined> {
  const { address, port, username, passwordFile, tls, keyPrefix } = redis;
  const path: Path = [...PATH, 'redis'];
  const isLocal = address === 'localhost' || address === '::1' || /^127(?:\.\d{1,3}){3}$/.test(address);
  if (tls === undefined && !isLocal) {
    reading.findings.problem(
      reading.source,
      path,
      'needs tls: only a server on loopback may be spoken to without',
    );
  }
  const password =
    passwordFile === undefined
      ? undefined
      : await readSecret(passwordFile, [...path, 'passwordFile'], reading);
  const authorityFile = tls?.certificateAuthorityFile;
  const authority =
    authorityFile === undefined
      ? undefined
      : await readAuthorities(authorityFile, reading, [...path, 'tls', 'certificateAuthorityFile']);
  if (tls === undefined && !isLocal) return undefined;
  if (passwordFile !== undefined && password === undefined) return undefined;
  if (authorityFile !== undefined && authority === undefined) return undefined;
  return {
    address,
    port,
    keyPrefix,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: new Secret(password) }),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            serverName: tls.serverName ?? address,
            ...(authority === undefined ? {} : { certificateAuthority: authority }),
          },
        }),
  };
}
