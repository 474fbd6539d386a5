// The page docs/cel.md, generated from the table of functions and the limits.

import { COST_LIMIT, MAX_EXPRESSION_LENGTH } from './compile.ts';
import { FUNCTIONS } from './functions.ts';

/** The page in Markdown. */
export const renderCelReference = (): string => `# Expressions

Generated from \`src/cel\`; do not edit.

The AuthenticationConfiguration may hold expressions of the [Common Expression Language](https://cel.dev). They are
compiled and type-checked when the configuration is loaded; what is not carried is refused there, by name.

- Variables: \`claims\`, a map of the token's claims, in \`claimMappings\` and \`claimValidationRules\`; \`user\`, with the
  fields \`username\`, \`uid\`, \`groups\` and \`extra\`, in \`userValidationRules\`. Numbers in claims are doubles.
- Types: null, bool, int, double, string, list, map, optional. Not carried: uint, bytes, timestamp, duration, and
  messages.
- Operators: \`+ - * / % == != < <= > >= in && || ! ?:\`, selection \`a.b\`, \`a["b"]\`, \`a[0]\`, and optional selection
  \`a.?b\`, \`a[?"b"]\`.
- Regular expressions are RE2 and must be string literals; they run on an RE2 engine, in time linear in the text.
- Limits: an expression has at most ${MAX_EXPRESSION_LENGTH} characters, and one evaluation costs at most ${COST_LIMIT} units: each part
  of the expression costs one each time it is evaluated, and operations on long lists and strings cost by their size. An
  evaluation that costs more fails, and the token is refused.

The engine is held to the conformance tests of the CEL specification; where it behaves otherwise is listed, with
reasons, in \`test/cel/vector-differences.ts\`.
${Object.entries(FUNCTIONS)
  .map(
    ([chapter, functions]) => `
## ${chapter}

| Function | Gives |
|---|---|
${functions.map(({ signature, meaning }) => `| \`${signature}\` | ${meaning} |`).join('\n')}
`,
  )
  .join('')}`;
