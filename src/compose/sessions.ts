// The registry of running sessions, and who reads those that nobody records.

import type { Clock } from '../core/ports.ts';
import type { SessionRegistry } from '../sessions/registry.ts';
import { createLiveReader } from '../record/live-reader.ts';
import { createSessionRegistry } from '../sessions/registry.ts';

export const composeSessions = (clock: Clock): SessionRegistry =>
  createSessionRegistry({ clock, createReader: createLiveReader });
