// The page at which people sign in at the demo's OpenID provider: they say who they are, and are believed.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Provider } from 'oidc-provider';

export const INTERACTION_PATH = '/interaction/';

const page = (title: string, body: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 24rem; margin: 15vh auto; padding: 0 1rem; }
button { display: block; width: 100%; margin: .5rem 0; padding: .6rem; font: inherit; }
</style></head><body><h1>${title}</h1>${body}</body></html>`;

/** `users` are names of the demo's own, which need no escaping. */
export async function answerInteraction(
  provider: Provider,
  users: readonly string[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    if (request.method === 'POST') {
      const login = new URLSearchParams(await text(request)).get('login') ?? '';
      const result = users.includes(login)
        ? { login: { accountId: login } }
        : { error: 'access_denied', error_description: 'nobody was chosen' };
      await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
      return;
    }
    await provider.interactionDetails(request, response);
    const buttons = [...users, ''].map(
      (user) => `<button name="login" value="${user}">${user === '' ? 'Nobody' : user}</button>`,
    );
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(
      page('Who are you?', `<p>The demo believes you.</p><form method="post">${buttons.join('')}</form>`),
    );
  } catch (error) {
    response.writeHead(400, { 'content-type': 'text/plain' });
    response.end(error instanceof Error ? error.message : 'this sign-in is over');
  }
}

export const logoutPage = (form: string): string =>
  page(
    'Sign out at the provider, too?',
    `<p>You have signed out at the gateway. The demo's identity provider still knows you.</p>${form}<button form="op.logoutForm" name="logout" value="yes" autofocus>Sign out</button>`,
  );
