#!/usr/bin/env -S node --max-semi-space-size=16
// The program's entry point. It imports the rest only where that can be loaded: on an older Node.js the first missing
// export would be all that is said.

/** The oldest major version of Node.js that has everything that is used. */
const NODE_VERSION = 24;

if (Number.parseInt(process.versions.node, 10) < NODE_VERSION) {
  process.stderr.write(
    `kubelet-gateway: this is Node.js ${process.versions.node}, and ${NODE_VERSION} or later is needed. ` +
      'In a checkout, npm brings it: npm run -s gateway -- COMMAND\n',
  );
  process.exitCode = 2;
} else {
  const { main } = await import('./cli/main.ts');
  process.exitCode = await main(process.argv.slice(2), {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  });
}
