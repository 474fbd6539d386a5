// Compiles the expressions of an issuer to say what is wrong with them, and holds them to kube-apiserver's rules
// about e-mail addresses (apiserver/pkg/apis/apiserver/validation).

import type { JwtIssuer } from '../../core/authentication-configuration.ts';
import type { Program, ResultType } from '../../cel/compile.ts';
import type { Variables } from '../../cel/variables.ts';
import type { Path } from '../problem.ts';
import { compileExpression } from '../../cel/compile.ts';

/** Calls back for each problem with the path below the issuer; false when there is one. */
export function checkExpressions(
  { claimMappings, claimValidationRules, userValidationRules = [] }: JwtIssuer,
  problem: (path: Path, message: string) => void,
): boolean {
  let isSound = true;
  const tell = (path: Path, message: string): void => {
    isSound = false;
    problem(path, message);
  };
  const compile = (
    rule: object | undefined,
    path: Path,
    variables: Variables,
    ...results: readonly [ResultType, ...ResultType[]]
  ): Program | undefined => {
    if (rule === undefined || !('expression' in rule) || typeof rule.expression !== 'string')
      return undefined;
    const compiled = compileExpression(rule.expression, { variables, results });
    if (compiled.kind === 'program') return compiled.program;
    tell(path, compiled.message);
    return undefined;
  };

  const { username, groups, uid, extra = [] } = claimMappings;
  const at = (name: string): Path => ['claimMappings', name, 'expression'];
  const name = compile(username, at('username'), 'claims', 'string');
  compile(groups, at('groups'), 'claims', 'string', 'list(string)');
  compile(uid, at('uid'), 'claims', 'string');
  const extras = extra.map(({ valueExpression }, index) =>
    compile(
      { expression: valueExpression },
      ['claimMappings', 'extra', index, 'valueExpression'],
      'claims',
      'string',
      'list(string)',
    ),
  );
  const rules = claimValidationRules.map((rule, index) =>
    compile(rule, ['claimValidationRules', index, 'expression'], 'claims', 'bool'),
  );
  userValidationRules.forEach((rule, index) =>
    compile(rule, ['userValidationRules', index, 'expression'], 'user', 'bool'),
  );

  const verifiers = [name, ...extras, ...rules];
  if (
    name?.selects('claims', 'email') === true &&
    !verifiers.some((program) => program?.selects('claims', 'email_verified') === true)
  ) {
    tell(
      at('username'),
      'uses claims.email: claims.email_verified must be used in it, in the valueExpression of an extra or in the expression of a claimValidationRule',
    );
  }
  return isSound;
}
