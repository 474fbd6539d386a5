// Signs in at Dex of docker-compose.yml with a password, and prints the ID token. For trying things out only: people
// sign in with a browser.
//
//   node token.mjs alice

const [name = 'alice'] = process.argv.slice(2);
const response = await fetch('https://dex:5556/dex/token', {
  method: 'POST',
  headers: { authorization: `Basic ${Buffer.from('kubelet-gateway:not-a-secret').toString('base64')}` },
  body: new URLSearchParams({
    grant_type: 'password',
    scope: 'openid email profile',
    username: `${name}@example.org`,
    password: 'password',
  }),
});
if (!response.ok) {
  process.stderr.write(`Dex says ${response.status}: ${await response.text()}\n`);
  process.exit(1);
}
const { id_token: token } = await response.json();
process.stdout.write(`${token}\n`);
