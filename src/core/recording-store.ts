// Where recordings are kept, encrypted to whom, and for how long. `config/` reads it, `record/` follows it.

/** Recipients of age (`age1…`). The gateway has none of their identities. */
export interface RecordingEncryption {
  readonly recipients: readonly [string, ...string[]];
}

/** A store that speaks Amazon's S3 API. */
export interface S3Settings {
  /** Absent: Amazon's own of the region. */
  readonly endpoint?: string;
  readonly region: string;
  readonly bucket: string;
  /** Of every key; empty, or with a slash at its end. */
  readonly prefix: string;
  /** The bucket is in the path and not in the host's name. */
  readonly forcePathStyle: boolean;
  /** Absolute paths, which are read anew every minute. */
  readonly accessKeyIdFile: string;
  readonly secretAccessKeyFile: string;
  readonly sessionTokenFile?: string;
  /** PEM bundle; absent: the authorities that Node.js knows. */
  readonly certificateAuthority?: string;
  /** What may wait in the directory for the store. */
  readonly spoolMaxBytes: number;
}

/** Recordings beyond either are deleted, the oldest first. */
export interface RecordingRetention {
  /** Since their end. */
  readonly maxAgeMs?: number;
  /** Of all recordings together. */
  readonly maxTotalBytes?: number;
  /** For so long after its beginning a recording without an end may still be another gateway's that writes it. */
  readonly unfinishedMs?: number;
}
