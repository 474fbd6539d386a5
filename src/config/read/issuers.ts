// The JWT issuers and the anonymous paths of Kubernetes' AuthenticationConfiguration, as values. Expressions are
// compiled here once, so that what is wrong with them is told with the other problems.

import type { z } from 'zod';
import type {
  AuthenticationConfiguration,
  ClaimMapping,
  ClaimValidationRule,
  ExpressionMapping,
  JwtIssuer,
} from '../../core/authentication-configuration.ts';
import type { Path } from '../problem.ts';
import type { Reading } from '../reading.ts';
import type { Source } from '../yaml.ts';
import { checkAuthorities } from '../checks/certificates.ts';
import { authenticationConfigurationFile } from '../schema/authentication-configuration.ts';
import { check } from '../schema/check.ts';
import { checkExpressions } from './expressions.ts';

type JwtFile = z.output<typeof authenticationConfigurationFile>['jwt'][number];

/** Undefined when there is a problem, which has been told. */
export function toIssuers(
  source: Source,
  { findings, now }: Pick<Reading, 'findings' | 'now'>,
): AuthenticationConfiguration | undefined {
  const file = check(authenticationConfigurationFile, source.value, source, [], findings);
  if (file === undefined) return undefined;
  const jwt: JwtIssuer[] = [];
  file.jwt.forEach((entry, index) => {
    const at: Path = ['jwt', index];
    const { certificateAuthority } = entry.issuer;
    const verdict =
      certificateAuthority === undefined ? undefined : checkAuthorities(certificateAuthority, now);
    const path = [...at, 'issuer', 'certificateAuthority'];
    for (const message of verdict?.problems ?? []) findings.problem(source, path, message);
    for (const message of verdict?.warnings ?? []) findings.warning(source, path, message);
    const issuer = toIssuer(entry);
    if (issuer === undefined) return;
    const sound = checkExpressions(issuer, (place, message) =>
      findings.problem(source, [...at, ...place], message),
    );
    if (sound && (verdict === undefined || verdict.problems.length === 0)) jwt.push(issuer);
  });
  if (jwt.length !== file.jwt.length) return undefined;
  return {
    jwt,
    ...(file.anonymous?.enabled === true
      ? { anonymous: { paths: file.anonymous.conditions.map(({ path }) => path) } }
      : {}),
  };
}

function toIssuer({
  issuer,
  claimValidationRules,
  claimMappings,
  userValidationRules,
}: JwtFile): JwtIssuer | undefined {
  const { url, discoveryURL, certificateAuthority, audiences } = issuer;
  const [first, ...others] = audiences;
  const { groups, uid, extra } = claimMappings;
  const username = toMapping(claimMappings.username);
  if (first === undefined || username === undefined) return undefined;
  return {
    issuer: {
      url,
      ...(discoveryURL === undefined ? {} : { discoveryURL }),
      ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
      audiences: [first, ...others],
    },
    claimValidationRules: claimValidationRules.flatMap((rule) => toRule(rule) ?? []),
    claimMappings: {
      username,
      ...optional('groups', groups && toMapping(groups)),
      ...optional('uid', uid && toUid(uid)),
      ...(extra.length === 0 ? {} : { extra }),
    },
    ...(userValidationRules.length === 0 ? {} : { userValidationRules }),
  };
}

const optional = <Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { readonly [K in Key]?: Value } =>
  value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]?: Value });

const toMapping = ({
  claim,
  prefix,
  expression,
}: JwtFile['claimMappings']['username']): ClaimMapping | ExpressionMapping | undefined => {
  if (expression !== undefined) return { expression };
  return claim === undefined || prefix === undefined ? undefined : { claim, prefix };
};

const toUid = ({
  claim,
  expression,
}: NonNullable<JwtFile['claimMappings']['uid']>): JwtIssuer['claimMappings']['uid'] => {
  if (expression !== undefined) return { expression };
  return claim === undefined ? undefined : { claim };
};

/** Kubernetes takes an absent requiredValue for "". */
const toRule = ({
  claim,
  requiredValue = '',
  expression,
  message,
}: JwtFile['claimValidationRules'][number]): ClaimValidationRule | undefined => {
  if (claim !== undefined) return { claim, requiredValue };
  if (expression === undefined) return undefined;
  return { expression, ...(message === undefined ? {} : { message }) };
};
