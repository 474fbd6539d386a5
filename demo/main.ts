// npm run demo: a working gateway with an identity provider and three nodes, all of it on loopback.

import { existsSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { AUDIT_FILES, signAuditLog } from './audit-key.ts';
import { startEnvironment } from './environment.ts';
import { startGatewayProcess } from './gateway-process.ts';

/** What the demo makes in its folder and takes away again. The audit log stays: it is there to be read. */
const MADE = [
  'pki',
  'tokens',
  'ca.crt',
  'kubeconfig',
  'cookie.key',
  'login-client.secret',
  'gateway.yaml',
  'authentication.yaml',
  'audit-policy.yaml',
  'rbac.yaml',
];

const LOGS = ['audit.log', 'gateway.log', ...AUDIT_FILES];

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8443' },
    dir: { type: 'string', default: '.demo' },
  },
});
const port = Number(values.port);
if (!Number.isInteger(port) || port < 1 || port > 65_535) {
  console.error(`--port ${values.port}: a port is a whole number from 1 to 65535`);
  process.exit(2);
}
const directory = resolve(values.dir);
// A folder that holds other things is not the demo's to write into, nor to clean.
if (
  existsSync(directory) &&
  readdirSync(directory).some((name) => !MADE.includes(name) && !LOGS.includes(name))
) {
  console.error(`--dir ${values.dir}: the folder holds other files; name another`);
  process.exit(2);
}

const environment = await startEnvironment({ directory, port });
await signAuditLog(directory, environment.configurationFile);
const gateway = await startGatewayProcess({
  configurationFile: environment.configurationFile,
  adminPort: environment.adminPort,
  logFile: join(directory, 'gateway.log'),
}).catch(async (error: unknown) => {
  await environment.close();
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});

const at = values.dir;
console.log(`ready   https://127.0.0.1:${port}   metrics and health: http://127.0.0.1:${environment.adminPort}

In a browser: https://localhost:${port}/ (its certificate and the provider's are the demo's own: let both pass).

alice may do everything, bob reads metrics, carol holds nothing but "get nodes/proxy". In another terminal:

  export KUBECONFIG=${at}/kubeconfig
  kubectl --context alice get pods -A
  kubectl --context alice exec -it shell -- sh
  kubectl --context alice logs -f logger
  kubectl --context alice port-forward pod/web 8080:8080
  kubectl --context carol exec shell -- id          # refused: at a kubelet, her right would have run it
  curl --cacert ${at}/ca.crt -H "Authorization: Bearer $(cat ${at}/tokens/bob.jwt)" https://127.0.0.1:${port}/nodes/node-2/metrics/cadvisor
  tail -f ${at}/audit.log
  npm run -s gateway -- explain --config ${at}/gateway.yaml --user carol --groups monitoring exec node-1 default/shell -- id
  npm run -s gateway -- doctor --config ${at}/gateway.yaml node-1
  npm run -s gateway -- audit verify --log ${at}/audit.log --keys ${at}/audit-keys.json --checkpoints ${at}/checkpoints

Ctrl-C ends it.`);

let stopping = false;
async function stop(code: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  gateway.signal('SIGTERM');
  await gateway.ended;
  await environment.close();
  await Promise.all(MADE.map((name) => rm(join(directory, name), { recursive: true, force: true })));
  process.exit(code);
}
process.on('SIGINT', () => void stop(0));
process.on('SIGTERM', () => void stop(0));
process.on('SIGHUP', () => void stop(0));
void gateway.ended.then((code) => {
  if (!stopping) console.error(`the gateway ended with code ${code}; see ${at}/gateway.log`);
  return stop(1);
});
