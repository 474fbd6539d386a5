// What a page of the gateway's own answers, before it is sent and written into the audit log.

import type { Authentication } from '../core/user.ts';
import type { FaultReason } from '../core/fault.ts';
import type { Html } from './html.ts';
import { Fault } from '../core/fault.ts';

export interface PageReply {
  readonly status: number;
  readonly content:
    | { readonly kind: 'page'; readonly title: string; readonly body: Html; readonly goOnTo?: string }
    | { readonly kind: 'json'; readonly value: unknown }
    | { readonly kind: 'style' }
    | { readonly kind: 'nothing' };
  /** A path of this gateway, or the address of a provider. */
  readonly location?: string;
  /** `Set-Cookie` lines. */
  readonly setCookies?: readonly string[];
  /** Who asks, where that is known: for the audit event. */
  readonly authentication?: Authentication;
  /** Present when it is a refusal. Its code is the status. */
  readonly fault?: Fault;
  /** For the audit event. */
  readonly notes?: Readonly<Record<string, string>>;
  /** Called once the audit event is stored, before it is sent. */
  readonly onStored?: () => void;
}

/** RFC 9110 §15.4.4: the browser goes on with a GET. */
export const seeOther = (location: string, rest: Partial<PageReply> = {}): PageReply => ({
  status: 303,
  content: { kind: 'nothing' },
  location,
  ...rest,
});

/** `goOnTo`: the browser goes there by itself, as if the person had followed the page's own link. */
export const page = (
  title: string,
  body: Html,
  { goOnTo, ...rest }: Partial<PageReply> & { readonly goOnTo?: string } = {},
): PageReply => ({
  status: 200,
  content: { kind: 'page', title, body, ...(goOnTo === undefined ? {} : { goOnTo }) },
  ...rest,
});

export const json = (value: unknown, rest: Partial<PageReply> = {}): PageReply => ({
  status: 200,
  content: { kind: 'json', value },
  ...rest,
});

/** The words of the fault are for the audit log; those of the page for the person. */
export function refusal(
  reason: FaultReason,
  message: string,
  content: PageReply['content'],
  rest: Partial<PageReply> = {},
): PageReply {
  const fault = new Fault(reason, message);
  return { status: fault.code, content, fault, ...rest };
}
