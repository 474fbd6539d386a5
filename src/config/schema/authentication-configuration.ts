// The file format of Kubernetes' AuthenticationConfiguration (apiserver.config.k8s.io/v1, KEP-3331), with the
// validation rules of kube-apiserver (apiserver/pkg/apis/apiserver/validation). What the gateway does not carry
// is refused by name and never ignored: a rule that is written and not enforced would be a hole.

import { z } from 'zod';
import { nonEmpty } from './scalars.ts';
import { distinct, refused, someOf, strict } from './strict.ts';

export const noCel = (instead: string) => refused(`CEL expressions are not supported yet: ${instead}`);

/** https, and nothing but scheme, host, port and path. Words when it is not. */
function checkUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null) return 'must be a URL';
  if (url.protocol !== 'https:') return 'must be an https URL';
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or password';
  if (text.includes('?')) return 'must not hold a query';
  if (text.includes('#')) return 'must not hold a fragment';
  return undefined;
}

const httpsUrl = nonEmpty.superRefine((text, ctx) => {
  const message = checkUrl(text);
  if (message !== undefined) ctx.addIssue({ code: 'custom', message });
});

const withoutSlash = (url: string): string => url.replace(/\/+$/, '');

const issuer = strict({
  url: httpsUrl,
  discoveryURL: httpsUrl.exactOptional(),
  certificateAuthority: z.string().exactOptional(),
  audiences: someOf(nonEmpty, 'audience').check(distinct('audience')),
  audienceMatchPolicy: z.enum(['', 'MatchAny']).exactOptional(),
  egressSelectorType: refused('egress selectors are not supported: the gateway dials the issuer directly'),
}).superRefine((value, ctx) => {
  if (value.audiences.length > 1 && value.audienceMatchPolicy !== 'MatchAny') {
    const message = 'must be MatchAny when there is more than one audience';
    ctx.addIssue({ code: 'custom', path: ['audienceMatchPolicy'], message });
  }
  if (value.discoveryURL !== undefined && withoutSlash(value.discoveryURL) === withoutSlash(value.url)) {
    ctx.addIssue({ code: 'custom', path: ['discoveryURL'], message: 'must differ from url; leave it out' });
  }
});

const prefixed = strict({
  claim: nonEmpty,
  prefix: z.string({
    error: (issue) => (issue.input === undefined ? 'is required with claim; it may be ""' : undefined),
  }),
  expression: noCel('map a claim instead'),
});

const claimValidationRule = strict({
  claim: nonEmpty,
  requiredValue: z.string().prefault(''),
  expression: noCel('require the value of a claim instead'),
  message: refused('is only for rules with an expression, which are not supported yet'),
});

const jwt = strict({
  issuer,
  claimValidationRules: z
    .array(claimValidationRule)
    .superRefine((rules, ctx) => {
      rules.forEach(({ claim }, index) => {
        if (rules.findIndex((rule) => rule.claim === claim) === index) return;
        ctx.addIssue({
          code: 'custom',
          path: [index, 'claim'],
          message: 'another rule is about this claim already',
        });
      });
    })
    .prefault([]),
  claimMappings: strict({
    username: prefixed,
    groups: prefixed.exactOptional(),
    uid: strict({ claim: nonEmpty, expression: noCel('map a claim instead') }).exactOptional(),
    extra: refused('CEL expressions are not supported yet: extra attributes cannot be mapped'),
  }),
  userValidationRules: refused(
    'CEL expressions are not supported yet: user validation rules cannot be enforced',
  ),
});

const MAX_ISSUERS = 64;

export const authenticationConfigurationFile = strict({
  apiVersion: z.enum(['apiserver.config.k8s.io/v1', 'apiserver.config.k8s.io/v1beta1']),
  kind: z.literal('AuthenticationConfiguration'),
  metadata: z.looseObject({}).exactOptional(),
  jwt: z
    .array(jwt)
    .max(MAX_ISSUERS)
    .superRefine((entries, ctx) => {
      for (const key of ['url', 'discoveryURL'] as const) {
        entries.forEach(({ issuer }, index) => {
          const first = entries.findIndex((entry) => entry.issuer[key] === issuer[key]);
          if (issuer[key] === undefined || first === index) return;
          ctx.addIssue({
            code: 'custom',
            path: [index, 'issuer', key],
            message: 'another issuer has it already',
          });
        });
      }
    })
    .prefault([]),
  anonymous: strict({
    enabled: z.literal(false, {
      error: 'anonymous access is not supported: every request needs an identity',
    }),
    conditions: refused('anonymous access is not supported: every request needs an identity'),
  }).exactOptional(),
});
