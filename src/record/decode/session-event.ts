// What happens in an upgraded session, whatever protocol carries it: the words between the decoders and the transcripts.

export type OutputStream = 'stdout' | 'stderr';

export type SessionEvent =
  | { readonly kind: 'data'; readonly stream: OutputStream | 'stdin'; readonly data: Buffer }
  /** The client has nothing more to say on stdin. */
  | { readonly kind: 'stdinClosed' }
  | { readonly kind: 'resize'; readonly columns: number; readonly rows: number }
  /** The outcome as the node told it. `exitCode` where it names one; `text` as it was sent. */
  | { readonly kind: 'status'; readonly text: string; readonly exitCode: number | undefined }
  /** An archive is passing, with this in it. Found by the recording itself, not by a decoder. */
  | {
      readonly kind: 'file';
      readonly direction: 'toPod' | 'fromPod';
      readonly name: string;
      /** `file`, `directory`, `symlink` and so on, as the archive says. */
      readonly type: string;
      readonly bytes: number;
      readonly link?: string;
    }
  /** Port-forward: a connection to a port begins. `connection` is unique within the session. */
  | { readonly kind: 'opened'; readonly connection: number; readonly port: number }
  | {
      readonly kind: 'passed';
      readonly connection: number;
      readonly direction: 'toNode' | 'fromNode';
      readonly bytes: number;
    }
  /** Port-forward: what the node says about a connection that failed. */
  | { readonly kind: 'message'; readonly connection: number; readonly text: string }
  | { readonly kind: 'closed'; readonly connection: number };

export type Emit = (event: SessionEvent) => void;
