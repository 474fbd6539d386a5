// Reads the answer to an upgrade from the node's stream: the head first, and when it is a refusal its short body. The
// stream is left paused and without listeners, so that no byte after the head is lost to whoever takes it next.

import type { Duplex } from 'node:stream';
import type { AnswerHead, ParsedHead } from '../wire/answer-head.ts';
import { Fault } from '../core/fault.ts';
import { parseAnswerBody } from './answer-body.ts';
import { parseAnswerHead } from '../wire/answer-head.ts';
import { MAX_ERROR_BYTES } from './faults.ts';

/** Rejects with BadGateway when the node closes first or sends no valid head, and when `signal` says to give up. */
export function readHead(node: Duplex, signal: AbortSignal): Promise<ParsedHead> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
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
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      try {
        const parsed = parseAnswerHead(bytes);
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
    let bytes = rest;
    const settle = (): void => {
      node.off('data', onData).off('end', settle).off('close', settle);
      signal.removeEventListener('abort', settle);
      node.pause();
      resolve(parseAnswerBody(head, bytes).body.subarray(0, MAX_ERROR_BYTES));
    };
    const isEnough = (): boolean => bytes.length > MAX_ERROR_BYTES || parseAnswerBody(head, bytes).whole;
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      if (isEnough()) settle();
    };
    if (isEnough() || signal.aborted || node.destroyed) {
      settle();
      return;
    }
    signal.addEventListener('abort', settle, { once: true });
    node.on('data', onData).on('end', settle).on('close', settle).resume();
  });
}
