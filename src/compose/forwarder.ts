// How exchanges reach the nodes, and how sessions are recorded on the way.

import type { GatewayConfiguration } from '../core/configuration.ts';
import type { RecordingState } from '../core/recording.ts';
import type { Foundation } from './foundation.ts';
import { createNodePods } from '../fleet/node-pods.ts';
import { createForward } from '../forward/forward.ts';
import { createRecorder } from '../record/recorder.ts';

export function composeForward(
  { clock, log, pools, metrics, sessions: live, recordings, watches }: Foundation,
  configuration: GatewayConfiguration,
) {
  const { forwarding, sessions, recording } = configuration;
  const onEnded = (state: RecordingState, bytes: number): void => metrics.recordingEnded(state, bytes);
  return createForward(
    {
      clock,
      log,
      pools,
      renderPods: createNodePods({ clock, positions: watches.positions }),
      credentialRejected: (code) => metrics.upstreamCredentialRejected(code),
      tap: live.tap(
        recording === undefined
          ? undefined
          : createRecorder({ clock, log, onEnded, store: recordings.use(recording).store }, recording),
      ),
    },
    { ...forwarding, sessions },
  );
}
