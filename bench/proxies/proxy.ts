// What every proxy of a run is to whoever measures it.

import type { Running } from './process.ts';

export interface Proxy extends Running {
  readonly name: string;
  /** `https://127.0.0.1:PORT` and what goes before a kubelet's path. */
  readonly url: string;
  /** What it wants from whoever asks. */
  readonly token?: string;
}
