// The processes of the simulated containers.

import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { startProcess } from '../../demo/kubelet/processes.ts';

describe('a process', () => {
  for (const tty of [false, true]) {
    it(`${tty ? 'on a terminal' : 'on pipes'} can be killed in the moment of its start`, async () => {
      for (let round = 0; round < 20; round++) {
        const started = startProcess({
          command: ['/bin/sh'],
          directory: tmpdir(),
          environment: {},
          tty,
          stdin: true,
        });
        assert.equal(started.kind, 'running');
        started.stdout.resume();
        started.stderr?.resume();
        started.kill();
        assert.equal(await started.exited, 128 + 9);
      }
    });
  }
});
