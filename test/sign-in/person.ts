// A person with a browser, as a program: opens an address, follows redirects with its cookies, fills in the provider's
// forms, and ends where the last redirect leads. `node person.ts URL` with NODE_EXTRA_CA_CERTS; `PERSON_SAYS=no` cancels.

const jar = new Map<string, string>();

async function visit(url: URL, body?: URLSearchParams): Promise<{ url: URL; status: number; text: string }> {
  let [at, form] = [url, body];
  for (let hop = 0; hop < 20; hop += 1) {
    const response = await fetch(at, {
      method: form === undefined ? 'GET' : 'POST',
      redirect: 'manual',
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form === undefined ? {} : { body: form }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      jar.set(name, value);
    }
    const location = response.headers.get('location');
    if (location === null) return { url: at, status: response.status, text: await response.text() };
    [at, form] = [new URL(location, at), undefined];
  }
  throw new Error('redirected in a circle');
}

/** The one form of the page, with its hidden fields and what a person types. */
function fill(page: string, base: URL, typed: Record<string, string>): [URL, URLSearchParams] {
  const [, action = ''] = /<form[^>]*action="([^"]*)"/.exec(page) ?? [];
  const fields = new URLSearchParams();
  for (const [, name = '', value = ''] of page.matchAll(
    /<input type="hidden" name="([^"]+)" value="([^"]*)"/g,
  )) {
    fields.set(name, value);
  }
  for (const [name, value] of Object.entries(typed)) fields.set(name, value);
  return [new URL(action, base), fields];
}

async function signIn(start: string): Promise<void> {
  let page = await visit(new URL(start));
  for (let step = 0; step < 6; step += 1) {
    if (process.env['PERSON_SAYS'] === 'no') {
      const [, abort = ''] = /href="([^"]*abort[^"]*)"/.exec(page.text) ?? [];
      await visit(new URL(abort, page.url));
      return;
    }
    if (!page.text.includes('<form')) return;
    const typed = page.text.includes('name="login"')
      ? { login: process.env['PERSON'] ?? 'alice', password: 'x' }
      : {};
    page = await visit(...fill(page.text, page.url, typed));
  }
}

await signIn(process.argv[2] ?? '');
