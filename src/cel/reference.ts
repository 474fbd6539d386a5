// The page docs/cel.md, generated from the table of functions and the limits.

import { COST_LIMIT, MAX_EXPRESSION_LENGTH } from './compile.ts';
import { FUNCTIONS } from './functions.ts';
import { fieldsOf, VARIABLES } from './variables.ts';

/** The page in Markdown. */
export const renderCelReference = (): string => `# Expressions

Generated from \`src/cel\`; do not edit.

The AuthenticationConfiguration and the rules of credentialMappings may hold expressions of the
[Common Expression Language](https://cel.dev). They are compiled and type-checked when the configuration is loaded; what
is not carried is refused there, by name.

- Variables of an issuer: \`claims\`, a map of the token's claims, in \`claimMappings\` and \`claimValidationRules\`;
  \`user\` in \`userValidationRules\`. Numbers in claims are doubles.
- Variables of the \`when\` of a credential mapping: ${Object.keys(VARIABLES.mapping)
  .map((name) => `\`${name}\``)
  .join(', ')}. \`claims\` are those of the user's JWT, and empty for everybody else:
  write \`has(claims.team) && claims.team == "x"\`, because a claim that is not there is an error, and an error is a refusal.
- Fields:
${Object.entries(VARIABLES.mapping)
  .flatMap(([name, type]) => {
    const fields = fieldsOf(type);
    return fields === undefined
      ? []
      : [`  - \`${name}\`: ${fields.map((field) => `\`${field}\``).join(', ')}`];
  })
  .join('\n')}
- Types: null, bool, int, double, string, list, map, optional. Not carried: uint, bytes, timestamp, duration, and
  messages.
- Operators: \`+ - * / % == != < <= > >= in && || ! ?:\`, selection \`a.b\`, \`a["b"]\`, \`a[0]\`, and optional selection
  \`a.?b\`, \`a[?"b"]\`.
- Regular expressions are RE2 and must be string literals; they run on an RE2 engine, in time linear in the text.
- Limits: an expression has at most ${MAX_EXPRESSION_LENGTH} characters, and one evaluation costs at most ${COST_LIMIT} units: each part
  of the expression costs one each time it is evaluated, and operations on long lists and strings cost by their size. An
  evaluation that costs more fails, and the token, or the request, is refused.

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
