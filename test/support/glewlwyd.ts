// Glewlwyd, an OpenID provider of another hand than the demo's, from Debian's package of that name: a process of its own on
// loopback with TLS, set up by its own API. A machine without it skips these tests and is told what to install; CI, which
// installs it, must not skip them.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { generateKeyPairSync } from 'node:crypto';
import { accessSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { freePort } from '../../demo/free-port.ts';
import { eventually } from './eventually.ts';
import { createAuthority } from './pki.ts';
import { endProcess } from './programs.ts';
import type { WebClient } from './web-client.ts';

const PROGRAM = '/usr/bin/glewlwyd';
const MODULES = '/usr/lib/glewlwyd';
const PAGES = '/usr/share/glewlwyd/webapp';
/** Creates the tables, and the administrator with this password. */
const SCHEMA = '/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3';
const ADMINISTRATOR = { username: 'admin', password: 'password' };

export const GLEWLWYD_MISSING =
  'no Glewlwyd on this machine: apt-get install --no-install-recommends glewlwyd';

/** Whether it is installed, and whether it must be. */
export function findGlewlwyd(env: Readonly<Record<string, string | undefined>>): {
  readonly isInstalled: boolean;
  readonly required: boolean;
} {
  const required = env['CI'] === 'true' || env['REQUIRE_GLEWLWYD'] === '1';
  try {
    for (const path of [PROGRAM, SCHEMA]) accessSync(path);
    return { isInstalled: true, required };
  } catch {
    return { isInstalled: false, required };
  }
}

/** The gateway, as the provider knows it. */
export interface RegisteredClient {
  readonly id: string;
  readonly secret: string;
  readonly redirectURI: string;
  readonly postLogoutURI: string;
  readonly backChannelLogoutURI: string;
}

/** Somebody with an account there: their name is the claim `name`. */
export const PERSON = { username: 'alice', password: 'alice-password' };
/** The public client of the command line. */
export const CLI_CLIENT_ID = 'kubectl';
export const TOKEN_SECONDS = 40;

export interface Glewlwyd {
  readonly url: string;
  readonly issuer: string;
  readonly certificateAuthority: string;
  register(client: RegisteredClient): Promise<void>;
  /** What its pages do for a person in a browser: sign in with the password, and consent to a client. */
  signIn(browser: WebClient, clientId: string): Promise<void>;
  /** As when somebody ends a session of theirs there: all clients of it are told by the back channel. */
  endSession(browser: WebClient, sid: string): Promise<void>;
  close(): Promise<void>;
}

export async function startGlewlwyd(): Promise<Glewlwyd> {
  const directory = await mkdtemp(join(tmpdir(), 'kubelet-gateway-glewlwyd-'));
  const authority = await createAuthority('glewlwyd CA');
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  await writeFiles(directory, authority, port);
  const child = spawn(PROGRAM, ['--config-file', join(directory, 'glewlwyd.conf')], { stdio: 'ignore' });
  const api = createApi(url, authority.certificate);
  const close = async (): Promise<void> => {
    await endProcess(child);
    await rm(directory, { recursive: true, force: true });
  };
  const admin = new Map<string, string>();
  try {
    await eventually('Glewlwyd', () => api(admin, 'GET', '/config').catch(() => undefined));
    await api(admin, 'POST', '/api/auth/', ADMINISTRATOR);
    await setUp((method, path, body) => api(admin, method, path, body), url);
  } catch (error) {
    await close();
    throw error;
  }
  const jarOf = (browser: WebClient) => browser.cookies('127.0.0.1');
  return {
    url,
    issuer: `${url}/api/oidc`,
    certificateAuthority: authority.certificate,
    register: async (client) => {
      await api(admin, 'POST', '/api/client', toClient(client));
    },
    signIn: async (browser, clientId) => {
      await api(jarOf(browser), 'POST', '/api/auth/', PERSON);
      await api(jarOf(browser), 'PUT', `/api/auth/grant/${clientId}/`, { scope: 'openid' });
    },
    endSession: async (browser, sid) => {
      await api(jarOf(browser), 'DELETE', `/api/oidc/session/${sid}`);
    },
    close,
  };
}

async function writeFiles(
  directory: string,
  authority: Awaited<ReturnType<typeof createAuthority>>,
  port: number,
): Promise<void> {
  const pair = await authority.issue({
    commonName: 'glewlwyd',
    ipAddresses: ['127.0.0.1'],
    usages: ['server'],
  });
  const database = new DatabaseSync(join(directory, 'database'));
  database.exec(await readFile(SCHEMA, 'utf8'));
  database.close();
  const settings = {
    port,
    bind_address: '127.0.0.1',
    external_url: `https://127.0.0.1:${port}`,
    login_url: 'login.html',
    api_prefix: 'api',
    cookie_secure: true,
    log_mode: 'file',
    log_file: join(directory, 'log'),
    admin_session_authentication: 'cookie',
    profile_session_authentication: 'cookie',
    admin_scope: 'g_admin',
    profile_scope: 'g_profile',
    user_module_path: `${MODULES}/user`,
    client_module_path: `${MODULES}/client`,
    user_auth_scheme_module_path: `${MODULES}/scheme`,
    plugin_module_path: `${MODULES}/plugin`,
    static_files_path: PAGES,
    use_secure_connection: true,
    secure_connection_key_file: join(directory, 'tls.key'),
    secure_connection_pem_file: join(directory, 'tls.crt'),
    secure_connection_ca_file: join(directory, 'ca.crt'),
    hash_algorithm: 'SHA512',
    login_api_enabled: true,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const storage = `database = { type = "sqlite3" path = ${JSON.stringify(join(directory, 'database'))} }`;
  await writeFile(join(directory, 'glewlwyd.conf'), [...lines, storage, ''].join('\n'));
  await writeFile(join(directory, 'tls.crt'), pair.certificate);
  await writeFile(join(directory, 'tls.key'), pair.key, { mode: 0o600 });
  await writeFile(join(directory, 'ca.crt'), authority.certificate);
}

type Api = (method: string, path: string, body?: unknown) => Promise<string>;

/** Calls of its API with the cookies of `jar`, each of which must succeed. */
function createApi(url: string, ca: string) {
  return async (jar: Map<string, string>, ...[method, path, body]: Parameters<Api>): Promise<string> => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const outgoing = request(`${url}${path}`, {
      method,
      ca,
      agent: false,
      headers: { cookie, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    });
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    const said = await text(answer);
    if (answer.statusCode !== 200) throw new Error(`${method} ${path}: ${answer.statusCode} ${said}`);
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [pair = ''] = line.split(';');
      const at = pair.indexOf('=');
      jar.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return said;
  };
}

/** Its OpenID Connect plugin, the client of the command line, and a person. */
async function setUp(api: Api, url: string): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await api('POST', '/api/mod/plugin/', {
    module: 'oidc',
    name: 'oidc',
    display_name: 'OIDC',
    parameters: {
      iss: `${url}/api/oidc`,
      'jwt-type': 'rsa',
      'jwt-key-size': '256',
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      cert: publicKey.export({ type: 'spki', format: 'pem' }),
      'access-token-duration': TOKEN_SECONDS,
      'refresh-token-duration': 3_600,
      'refresh-token-one-use': 'always',
      'code-duration': 60,
      'auth-type-code-enabled': true,
      'auth-type-device-enabled': true,
      'auth-type-refresh-enabled': true,
      'jwks-show': true,
      'pkce-allowed': true,
      'pkce-required': true,
      'name-claim': 'mandatory',
      'session-management-allowed': true,
      'session-cookie-name': 'GLEWLWYD2_OIDC_SID',
      'session-cookie-expiration': 2_419_200,
      'back-channel-logout-allowed': true,
      'introspection-revocation-allowed': true,
      'introspection-revocation-allow-target-client': true,
      'device-authorization-expiration': 60,
      'device-authorization-interval': 1,
    },
  });
  // It takes one address to come back to for each client, unless it is told that there may be several.
  const module = JSON.parse(await api('GET', '/api/mod/client/database')) as {
    readonly parameters: { readonly 'data-format': Record<string, unknown> };
  };
  const several = { multiple: true, read: true, write: true };
  module.parameters['data-format']['post_logout_redirect_uris'] = several;
  await api('PUT', '/api/mod/client/database', module);
  await api('PUT', '/api/mod/reload/');
  await api('POST', '/api/client', {
    client_id: CLI_CLIENT_ID,
    name: 'the command line',
    confidential: false,
    redirect_uri: [],
    authorization_type: ['device_authorization', 'refresh_token'],
    scope: ['openid'],
    enabled: true,
  });
  const scope = ['openid', 'g_profile'];
  await api('POST', '/api/user', { ...PERSON, name: PERSON.username, scope, enabled: true });
}

const toClient = (client: RegisteredClient) => ({
  client_id: client.id,
  client_secret: client.secret,
  name: 'the gateway',
  confidential: true,
  redirect_uri: [client.redirectURI],
  token_endpoint_auth_method: ['client_secret_basic'],
  authorization_type: ['code', 'refresh_token'],
  post_logout_redirect_uris: [client.postLogoutURI],
  backchannel_logout_uri: client.backChannelLogoutURI,
  scope: ['openid'],
  enabled: true,
});
