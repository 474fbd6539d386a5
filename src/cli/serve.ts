// kubelet-gateway serve: load, start, reload on SIGHUP or when a file changes, drain on SIGTERM or SIGINT.

import type { Gateway } from '../run.ts';
import { createGateway } from '../run.ts';
import { loadConfiguration } from '../config/load.ts';
import { watchConfiguration } from '../config/reload.ts';
import { systemClock } from '../core/ports.ts';
import { printProblems } from './problems.ts';
import { VERSION } from './version.ts';

/** Exit code of a process that was told twice to stop. */
const IMPATIENT = 130;

/** Runs until told to stop. Resolves to the exit code: 0 after a drain, 2 for a bad configuration. */
export async function serve(configurationFile: string): Promise<number> {
  const loaded = await loadConfiguration(configurationFile);
  if (!loaded.ok) {
    printProblems(loaded);
    return 2;
  }
  // A reader of the log that goes away must not end the gateway.
  process.stdout.on('error', () => undefined);
  const gateway = await createGateway(loaded.configuration, { clock: systemClock, version: VERSION });
  for (const warning of loaded.warnings) gateway.log.warn({ ...warning }, 'configuration warning');
  await gateway.start();
  const stopWatching = keepUpToDate(gateway, configurationFile);
  await toldToStop();
  stopWatching();
  await gateway.stop();
  return 0;
}

/** Reloads on SIGHUP and on file changes, one at a time. A bad configuration is logged, and the last good one stays. */
function keepUpToDate(gateway: Gateway, file: string): () => void {
  let turn = Promise.resolve();
  /** A task that fails is logged: it neither ends the process nor keeps the next one from its turn. */
  const enqueue = (task: () => Promise<void>, failure: string): void => {
    turn = turn.then(task).catch((error: unknown) => gateway.log.error({ error }, failure));
  };
  const reload = (): void => enqueue(() => reloadOnce(gateway, file), 'the configuration was not reloaded');
  const onHangup = (): void => {
    // What logrotate means by it, too.
    enqueue(() => gateway.reopenAuditLog(), 'the audit log could not be opened anew; the old file stays');
    reload();
  };
  process.on('SIGHUP', onHangup);
  const watch = watchConfiguration(file, reload, {
    clock: systemClock,
    log: gateway.log,
  });
  return () => {
    process.off('SIGHUP', onHangup);
    watch.close();
  };
}

async function reloadOnce(gateway: Gateway, file: string): Promise<void> {
  const loaded = await loadConfiguration(file);
  if (!loaded.ok) {
    gateway.reloadFailed(loaded.problems);
    return;
  }
  for (const warning of loaded.warnings) gateway.log.warn({ ...warning }, 'configuration warning');
  gateway.reload(loaded.configuration);
}

function toldToStop(): Promise<void> {
  return new Promise((resolve) => {
    let told = false;
    const stop = (): void => {
      // The second signal means now: somebody is waiting at a terminal.
      if (told) process.exit(IMPATIENT);
      told = true;
      resolve();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}
