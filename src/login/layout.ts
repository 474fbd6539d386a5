// The frame of every page: readable without script, with a keyboard, with a screen reader, in the dark.

import type { Html } from './html.ts';
import { HOME_PATH } from '../browser-session/own-path.ts';
import { html } from './html.ts';
import { STYLE_PATH } from './style.ts';

export interface Framed {
  readonly title: string;
  readonly body: Html;
  /** Where the browser goes by itself. */
  readonly goOnTo?: string | undefined;
  /** Name of who is signed in. */
  readonly user?: string | undefined;
  /** For a person who asks for help: finds the line in the audit log. */
  readonly auditId: string;
}

export const toDocument = ({ title, body, goOnTo, user, auditId }: Framed): string =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        ${goOnTo === undefined ? undefined : html`<meta http-equiv="refresh" content="0;url=${goOnTo}" />`}
        <title>${title} · kubelet-gateway</title>
        <link rel="stylesheet" href="${STYLE_PATH}" />
      </head>
      <body>
        <header>
          <a class="brand" href="${HOME_PATH}">kubelet-gateway</a>
          ${
            user === undefined
              ? undefined
              : html`<span class="who">${user}</span>
                  <form method="post" action="/-/logout"><button class="plain">Sign out</button></form>`
          }
        </header>
        <main class="${user === undefined ? 'narrow' : 'wide'}">
          ${body}
          <p class="faint">
            <small>Request <code>${auditId}</code></small>
          </p>
        </main>
      </body>
    </html> `.text.replace(/\n\s+/g, '\n');
