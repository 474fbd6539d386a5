// The part of GatewayConfiguration that is about recording sessions.

import { z } from 'zod';
import { RECORDING_MODES, STDIN_MODES } from '../../core/recording.ts';
import { encryption, retention, store } from './recording-store.ts';
import { duration, fileName, quantity } from './scalars.ts';
import { sessionMatch } from './session-match.ts';
import { someOf, strict } from './strict.ts';

export const recording = strict({
  directory: fileName.describe('Folder of the recordings, made if absent; each recording is a folder in it.'),
  segment: strict({
    maxAge: duration('100ms', '1h')
      .prefault('1s')
      .describe('Age at which a segment is closed: what a gateway that dies can lose of the proof.'),
    maxSize: quantity('4Ki', '1Gi')
      .prefault('8Mi')
      .describe(
        'Size at which a segment is closed. The first one, and each after one that was closed by its age, is closed at 1Mi at most.',
      ),
  })
    .prefault({})
    .describe('The files that a recording consists of.'),
  fsync: z
    .boolean()
    .prefault(false)
    .describe(
      'Flush every segment and its entry in the manifest to the disk, so that they survive a power loss.',
    ),
  proofInterval: duration('1s', '1h')
    .prefault('30s')
    .describe(
      'How long after something was stored of a running session the audit log is told of it: what was stored since can be taken away unseen.',
    ),
  encryption,
  store,
  retention,
  rules: someOf(
    strict({
      ...sessionMatch,
      mode: z
        .enum(RECORDING_MODES)
        .describe(
          'required: a session that cannot be recorded is refused or ended, and so is one whose input two servers could read differently. best-effort: a recording that fails is given up, logged and counted. off: not recorded.',
        ),
      stdin: z
        .enum(STDIN_MODES)
        .prefault('off')
        .describe(
          'Whether what the client types and sends is recorded. on: all of it, passwords included. echo: of what is typed at a terminal, the lines that the terminal shows.',
        ),
    }),
    'rule',
  ).describe('Who is recorded. The first rule whose lists all match decides; without one nobody is.'),
})
  .optional()
  .describe('Recording of exec, attach, run and port forwarding. Without this section nothing is recorded.');
