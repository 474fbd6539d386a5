// Reads the answer to an upgrade from the node's stream: the head first, and when it is a refusal its short body. The
// stream is left paused and without listeners, so that no byte after the head is lost to whoever takes it next.

import type { Duplex } from 'node:stream';
import type { AnswerHead, ParsedHead } from '../wire/answer-head.ts';
import { Fault } from '../core/fault.ts';
import { AnswerDecoder } from '../wire/answer-decoder.ts';
import { AnswerHeadReader } from '../wire/answer-head.ts';
import { MAX_ERROR_BYTES } from './faults.ts';

/** Rejects with BadGateway when the node closes first or sends no valid head, and when `signal` says to give up. */
export function readHead(node: Duplex, signal: AbortSignal): Promise<ParsedHead> {
  return new Promise((resolve, reject) => {
    const reader = new AnswerHeadReader();
    const settle = (): void => {
      node.off('data', onData).off('end', onGone).off('close', onGone);
      signal.removeEventListener('abort', onAbort);
      node.pause();
    };
    const fail = (error: unknown): void => {
      settle();
      reject(error instanceof Fault ? error : new Fault('InternalError', 'internal error', { cause: error }));
    };
    const onGone = (): void => fail(new Fault('BadGateway', 'the node closed the connection'));
    const onAbort = (): void => fail(new Fault('ServiceUnavailable', 'the request was given up'));
    const onData = (chunk: Buffer): void => {
      try {
        const parsed = reader.push(chunk);
        if (parsed === undefined) return;
        settle();
        resolve(parsed);
      } catch (error) {
        fail(error);
      }
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    node.on('data', onData).on('end', onGone).on('close', onGone);
    if (node.destroyed) onGone();
  });
}

/** As much of a refusal's body as comes before its end, its bound or `signal`. Never rejects. */
export function readErrorBody(
  node: Duplex,
  { head, rest }: { readonly head: AnswerHead; readonly rest: Buffer },
  signal: AbortSignal,
): Promise<Buffer> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let size = 0;
    const decoder = new AnswerDecoder({
      onHead: () => undefined,
      onData: (part) => {
        parts.push(part);
        size += part.length;
      },
      onEnd: () => undefined,
    });
    const settle = (): void => {
      node.off('data', onData).off('end', settle).off('close', settle);
      signal.removeEventListener('abort', settle);
      node.pause();
      resolve(Buffer.concat(parts, Math.min(size, MAX_ERROR_BYTES)));
    };
    /** False: there is no more to come, or no more that is wanted. */
    const take = (read: () => void): boolean => {
      try {
        read();
      } catch {
        // Malformed: it ends the body as the end of the connection would.
        return false;
      }
      return !decoder.isWhole && size < MAX_ERROR_BYTES;
    };
    const onData = (chunk: Buffer): void => {
      if (!take(() => decoder.push(chunk))) settle();
    };
    const begins = take(() => {
      decoder.begin(head);
      decoder.push(Buffer.from(rest));
    });
    if (!begins || signal.aborted || node.destroyed) {
      settle();
      return;
    }
    signal.addEventListener('abort', settle, { once: true });
    node.on('data', onData).on('end', settle).on('close', settle).resume();
  });
}
