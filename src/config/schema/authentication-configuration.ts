// The file format of Kubernetes' AuthenticationConfiguration (apiserver.config.k8s.io/v1, KEP-3331), with the
// validation rules of kube-apiserver (apiserver/pkg/apis/apiserver/validation). What the gateway does not carry
// is refused by name and never ignored: a rule that is written and not enforced would be a hole.

import { z } from 'zod';
import { isNodeName } from '../../core/names.ts';
import { nonEmpty } from './scalars.ts';
import { distinct, refused, someOf, strict } from './strict.ts';

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

interface Alternatives {
  readonly claim?: string;
  readonly prefix?: string;
  readonly expression?: string;
}

/** Kubernetes' rules for a mapping: claim or expression, and a prefix with the one and never with the other. */
function checkAlternatives({ claim, prefix, expression }: Alternatives, ctx: z.RefinementCtx): void {
  const issue = (path: PropertyKey[], message: string): void =>
    ctx.addIssue({ code: 'custom', path, message });
  if (claim !== undefined && expression !== undefined)
    issue(['expression'], 'cannot be set together with claim');
  if (claim === undefined && expression === undefined) issue([], 'needs a claim or an expression');
  if (expression !== undefined && prefix !== undefined)
    issue(['prefix'], 'cannot be set together with expression');
}

const prefixed = strict({
  claim: nonEmpty.exactOptional(),
  prefix: z.string().exactOptional(),
  expression: nonEmpty.exactOptional(),
}).superRefine((value, ctx) => {
  checkAlternatives(value, ctx);
  if (value.claim !== undefined && value.expression === undefined && value.prefix === undefined) {
    ctx.addIssue({ code: 'custom', path: ['prefix'], message: 'is required with claim; it may be ""' });
  }
});

const claimValidationRule = strict({
  claim: nonEmpty.exactOptional(),
  requiredValue: z.string().exactOptional(),
  expression: nonEmpty.exactOptional(),
  message: z.string().exactOptional(),
}).superRefine(({ claim, requiredValue, expression, message }, ctx) => {
  checkAlternatives({ ...(claim && { claim }), ...(expression && { expression }) }, ctx);
  if (claim !== undefined && message !== undefined) {
    ctx.addIssue({ code: 'custom', path: ['message'], message: 'is only for rules with an expression' });
  }
  if (expression !== undefined && requiredValue !== undefined) {
    ctx.addIssue({ code: 'custom', path: ['requiredValue'], message: 'is only for rules with a claim' });
  }
});

/** Refuses what occurs a second time under `key`. */
const distinctBy =
  <Key extends string>(key: Key, message: string) =>
  (entries: readonly { readonly [K in Key]?: string }[], ctx: z.RefinementCtx): void => {
    entries.forEach((entry, index) => {
      if (entry[key] === undefined || entries.findIndex((other) => other[key] === entry[key]) === index)
        return;
      ctx.addIssue({ code: 'custom', path: [index, key], message });
    });
  };

const extra = strict({ key: extraKey(), valueExpression: nonEmpty });

const jwt = strict({
  issuer,
  claimValidationRules: z
    .array(claimValidationRule)
    .superRefine(distinctBy('claim', 'another rule is about this claim already'))
    .superRefine(distinctBy('expression', 'another rule has this expression already'))
    .prefault([]),
  claimMappings: strict({
    username: prefixed,
    groups: prefixed.exactOptional(),
    uid: strict({ claim: nonEmpty.exactOptional(), expression: nonEmpty.exactOptional() })
      .superRefine(checkAlternatives)
      .exactOptional(),
    extra: z.array(extra).superRefine(distinctBy('key', 'another entry has this key already')).prefault([]),
  }),
  userValidationRules: z
    .array(strict({ expression: nonEmpty, message: z.string().exactOptional() }))
    .superRefine(distinctBy('expression', 'another rule has this expression already'))
    .prefault([]),
});

const EXTRA_PATH = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;

/** Words for a key that Kubernetes would not take: apimachinery IsDomainPrefixedPath, and reserved domains. */
function checkExtraKey(key: string): string | undefined {
  const slash = key.indexOf('/');
  const domain = key.slice(0, Math.max(slash, 0));
  const path = key.slice(slash + 1);
  if (slash < 0 || !isNodeName(domain.toLowerCase()) || !EXTRA_PATH.test(path)) {
    return 'must be a path below a domain, such as example.org/tenant';
  }
  if (key !== key.toLowerCase()) return 'must be in lower case';
  for (const reserved of ['k8s.io', 'kubernetes.io']) {
    if (domain === reserved || domain.endsWith(`.${reserved}`))
      return `must not be below ${reserved}, which is reserved`;
  }
  return undefined;
}

function extraKey() {
  return nonEmpty.superRefine((key, ctx) => {
    const message = checkExtraKey(key);
    if (message !== undefined) ctx.addIssue({ code: 'custom', message });
  });
}

const anonymous = strict({
  enabled: z.boolean(),
  conditions: z
    .array(
      strict({
        path: nonEmpty.regex(/^\/[^?#\s]*$/, {
          error: 'must be a path that begins with "/", without query or fragment: it is compared as it is',
        }),
      }),
    )
    .prefault([]),
}).superRefine(({ enabled, conditions }, ctx) => {
  if (!enabled && conditions.length > 0) {
    ctx.addIssue({ code: 'custom', path: ['conditions'], message: 'are only for enabled: true' });
  }
  if (enabled && conditions.length === 0) {
    const message = 'is required: anonymous access to every path is not offered';
    ctx.addIssue({ code: 'custom', path: ['conditions'], message });
  }
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
  anonymous: anonymous.exactOptional(),
});
