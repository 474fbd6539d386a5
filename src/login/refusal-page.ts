// What a person sees who has opened an address of a node and is refused: the words that a program gets in a Status, and what
// to do about them. Whatever it says is text.

import type { Fault } from '../core/fault.ts';
import { HOME_PATH } from '../browser-session/own-path.ts';
import { html } from './html.ts';
import { toDocument } from './layout.ts';
import { toPolicy } from './page-policy.ts';

export interface RefusalPage {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export const toRefusalPage = (fault: Fault, auditId: string): RefusalPage => {
  const { title, advice } = toWords(fault);
  const body = html`<div class="card">
    <h1>${title}</h1>
    <p class="warning">${fault.message}</p>
    <p>${advice}</p>
    <p><a class="button" href="${HOME_PATH}">Start</a></p>
    ${fault.reason === 'Forbidden' ? html`<p><a href="/-/whoami">Who you are to the gateway</a></p>` : undefined}
  </div>`;
  return {
    status: fault.code,
    contentType: 'text/html; charset=utf-8',
    body: toDocument({ title, body, auditId }),
    headers: {
      ...fault.headers,
      'content-security-policy': toPolicy(),
      'referrer-policy': 'same-origin',
    },
  };
};

function toWords({ reason }: Fault): { readonly title: string; readonly advice: string } {
  switch (reason) {
    case 'Forbidden':
      return {
        title: 'This is not yours to see',
        advice:
          'If you need it, show this page to the operators of the gateway: it says which right it takes, and the request number below leads them to the rest.',
      };
    case 'NotFound':
      return { title: 'There is nothing here', advice: 'Look at the address, or go to the start.' };
    case 'BadRequest':
    case 'MethodNotAllowed':
      return { title: 'This cannot be opened', advice: 'Look at the address, or go to the start.' };
    case 'BadGateway':
    case 'Timeout':
      return {
        title: 'The node did not answer',
        advice: 'Try again in a moment. If it goes on, look at the node, or tell its operators.',
      };
    case 'TooManyRequests':
    case 'ServiceUnavailable':
      return { title: 'Not at the moment', advice: 'Wait a moment and try again.' };
    default:
      return {
        title: 'Something went wrong',
        advice: 'Try again. If it goes on, tell the operators of the gateway, with the request number below.',
      };
  }
}
