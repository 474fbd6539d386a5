// A gateway, two nodes that mean harm to whoever reads them with a browser, and a Chromium that is signed in.

import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext } from 'playwright-core';
import { startKubelet } from '../../demo/kubelet/kubelet.ts';
import { createAuthority } from '../support/pki.ts';
import type { Scenario } from '../support/scenario.ts';
import { startScenario } from '../support/scenario.ts';
import type { Canary } from './canary.ts';
import { startCanary } from './canary.ts';
import { launchChromium } from './chromium.ts';
import { hostilePage, startHostileNode } from './hostile-node.ts';

/** The cookie that a browser would keep for the gateway. A script may read it, so that it is found out if one does. */
export const LOGIN = { name: 'session', value: 'of-alice' } as const;

/** Names of files that are HTML themselves, for a listing that forgets to escape, and one that is a link to script. */
const HOSTILE_NAMES = [
  `<img src=x onerror="document.title='owned'">`,
  `<svg onload="document.title='owned'">`,
  `javascript:void(document.title='owned')`,
];

export interface Surroundings {
  readonly scenario: Scenario;
  readonly canary: Canary;
  /** The gateway at `https://localhost:PORT`. */
  readonly gateway: string;
  /** The hostile node without a gateway in front of it, at `https://localhost:PORT`. */
  readonly hostileNode: string;
  readonly browser: Browser;
  /** A fresh profile that holds the login cookie and, if `signedIn`, sends alice's token. */
  openContext(options: { readonly signedIn: boolean }): Promise<BrowserContext>;
  close(): Promise<void>;
}

/** Nodes: `hostile`, which speaks for itself, and `printing`, an honest kubelet whose pods and files are hostile. */
export async function startSurroundings(executable: string): Promise<Surroundings> {
  const directory = await mkdtemp(join(tmpdir(), 'kubelet-gateway-browser-'));
  const authority = await createAuthority('nodes and their clients');
  const client = await authority.issue({ commonName: 'gateway', usages: ['client'] });
  await writeFile(join(directory, 'ca.crt'), authority.certificate);
  await writeFile(join(directory, 'client.crt'), client.certificate);
  await writeFile(join(directory, 'client.key'), client.key);
  const serving = await authority.issue({
    dnsNames: ['hostile', 'printing', 'localhost'],
    usages: ['server'],
  });

  const canary = await startCanary();
  const page = hostilePage(canary.url);
  const files = join(directory, 'log');
  await writeFiles(files, page);
  const hostile = await startHostileNode({ ...serving, canary: canary.url });
  const printing = await startKubelet({
    nodeName: 'printing',
    ...serving,
    clientCA: authority.certificate,
    authorize: () => true,
    logDirectory: files,
    pods: [
      {
        namespace: 'default',
        name: 'evil',
        containers: [
          {
            name: 'evil',
            command: ['/bin/sh', '-c', 'printf "%s\\n" "$PAGE"; exec sleep 2147483'],
            environment: { PAGE: page },
          },
        ],
      },
    ],
  });
  const nodes = [
    { name: 'hostile', port: hostile.port },
    { name: 'printing', port: printing.port },
  ];
  const scenario = await startScenario({ configure: (yaml) => addNodes(yaml, directory, nodes) });
  const gatewayCertificate = await readFile(join(scenario.environment.directory, 'pki', 'gateway.crt'));
  const browser = await launchChromium(executable, [
    new X509Certificate(gatewayCertificate),
    new X509Certificate(serving.certificate),
  ]);
  const gateway = `https://localhost:${scenario.environment.port}`;
  return {
    scenario,
    canary,
    gateway,
    hostileNode: `https://localhost:${hostile.port}`,
    browser,
    openContext: async ({ signedIn }) => {
      const token = signedIn ? await scenario.environment.issueToken('alice') : undefined;
      const context = await browser.newContext(
        token === undefined ? {} : { extraHTTPHeaders: { Authorization: `Bearer ${token}` } },
      );
      await context.addCookies([{ ...LOGIN, url: gateway, secure: true, sameSite: 'Lax' }]);
      return context;
    },
    close: async () => {
      await browser.close();
      await scenario.close();
      await Promise.all([hostile.close(), printing.close(), canary.close()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function writeFiles(directory: string, page: string): Promise<void> {
  await mkdir(join(directory, 'names'), { recursive: true });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg"><script>document.title='owned'</script></svg>`;
  await writeFile(join(directory, 'x.html'), page);
  await writeFile(join(directory, 'x'), page);
  await writeFile(join(directory, 'x.svg'), svg);
  for (const name of HOSTILE_NAMES) await writeFile(join(directory, 'names', name), '');
}

function addNodes(
  yaml: string,
  directory: string,
  nodes: readonly { readonly name: string; readonly port: number }[],
): string {
  const names = nodes.map(({ name }) => name).join(', ');
  const entries = nodes.map(
    ({ name, port }) =>
      `    - { name: ${name}, address: 127.0.0.1, port: ${port}, serverName: ${name}, certificateAuthorityFile: "${directory}/ca.crt" }`,
  );
  const credential = `  - { name: browser, certificateFile: "${directory}/client.crt", privateKeyFile: "${directory}/client.key" }`;
  return yaml
    .replace(/^ {2}list:$/m, ['  list:', ...entries].join('\n'))
    .replace(/^credentials:$/m, `credentials:\n${credential}`)
    .replace(/^credentialMappings:$/m, `credentialMappings:\n  - { credential: browser, nodes: [${names}] }`);
}
