// Makes the certificates of docker-compose.yml, and puts the gateway's configuration files beside them. Does nothing
// when they are there and good for another day. Only for trying things out: one authority for everything, kept nowhere.
//
//   node make-certificates.mjs OUT CONFIGURATION ISSUE    (ISSUE: the module dist/pki/issue.js)

import { X509Certificate } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [out = '/generated', configuration = '/compose', issue = '/app/dist/pki/issue.js'] =
  process.argv.slice(2);
const DAY_MS = 86_400_000;

const LEAVES = {
  gateway: {
    commonName: 'gateway',
    dnsNames: ['localhost', 'gateway'],
    ipAddresses: ['127.0.0.1'],
    usages: ['server'],
  },
  dex: { commonName: 'dex', dnsNames: ['dex'], usages: ['server'] },
  'node-1-reader': { commonName: 'kubelet-gateway-reader', usages: ['client'] },
  'node-1-operator': { commonName: 'kubelet-gateway-operator', usages: ['client'] },
};

async function certificatesAreGood() {
  try {
    const certificate = new X509Certificate(await readFile(join(out, 'gateway.crt')));
    return certificate.validToDate.getTime() > Date.now() + DAY_MS;
  } catch {
    return false;
  }
}

async function makeCertificates() {
  const { createAuthority } = await import(pathToFileURL(issue).href);
  const authority = await createAuthority('kubelet-gateway compose');
  const notAfter = new Date(Date.now() + 90 * DAY_MS);
  for (const [name, options] of Object.entries(LEAVES)) {
    const { certificate, key } = await authority.issue({ ...options, notAfter });
    // Both programs run as a user that did not make the volume: readable for all in it, which nobody else can reach.
    await writeFile(join(out, `${name}.key`), key, { mode: 0o644 });
    await writeFile(join(out, `${name}.crt`), certificate);
  }
  await writeFile(join(out, 'ca.crt'), authority.certificate);
}

/** The issuer with the authority of its certificate, where Kubernetes' format wants it: in the file. */
const withAuthority = (text, pem) =>
  text.replace(/^( +)(url: .*)$/m, (_, indent, url) =>
    [
      `${indent}${url}`,
      `${indent}certificateAuthority: |`,
      ...pem
        .trim()
        .split('\n')
        .map((line) => `${indent}  ${line}`),
    ].join('\n'),
  );

await mkdir(out, { recursive: true });
await chmod(out, 0o755);
if (!(await certificatesAreGood())) await makeCertificates();
const ca = await readFile(join(out, 'ca.crt'), 'utf8');
for (const name of ['gateway.yaml', 'rbac.yaml', 'authentication.yaml']) {
  const text = await readFile(join(configuration, name), 'utf8');
  await writeFile(join(out, name), name === 'authentication.yaml' ? withAuthority(text, ca) : text);
}
