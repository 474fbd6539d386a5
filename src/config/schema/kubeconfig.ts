// The file format of a kubeconfig (client-go tools/clientcmd/api/v1), as far as it can say how to reach an API server
// without running a program. As in kubectl unknown keys are passed over; what would change who is asked, as whom, or
// how safely, is refused by name.

import { z } from 'zod';
import { nonEmpty } from './scalars.ts';
import { refused } from './strict.ts';

/** The keys that a kubeconfig may hold with an empty value, as client-go writes them. */
const off = (message: string) =>
  z.union([z.literal(false), z.literal(''), z.null()], { error: message }).exactOptional();

const cluster = z.looseObject({
  server: nonEmpty,
  'certificate-authority': nonEmpty.exactOptional(),
  'certificate-authority-data': nonEmpty.exactOptional(),
  'tls-server-name': nonEmpty.exactOptional(),
  'insecure-skip-tls-verify': off('is not supported: the certificate of the API server is always verified'),
  'proxy-url': off('proxies are not supported'),
});

const noImpersonation = 'impersonation is not supported here';

const user = z.looseObject({
  'client-certificate': nonEmpty.exactOptional(),
  'client-certificate-data': nonEmpty.exactOptional(),
  'client-key': nonEmpty.exactOptional(),
  'client-key-data': nonEmpty.exactOptional(),
  token: nonEmpty.exactOptional(),
  tokenFile: nonEmpty.exactOptional(),
  exec: refused(
    'exec plugins are not supported: the gateway runs no programs; use a certificate or a token file',
  ),
  'auth-provider': refused('auth-provider plugins are not supported: use a certificate or a token file'),
  username: refused('basic authentication is not supported: use a certificate or a token file'),
  password: refused('basic authentication is not supported: use a certificate or a token file'),
  as: refused(noImpersonation),
  'as-uid': refused(noImpersonation),
  'as-groups': refused(noImpersonation),
  'as-user-extra': refused(noImpersonation),
});

/** Only the entries that the current context names are checked: others may hold what only kubectl needs. */
export const kubeconfigFile = z.looseObject({
  apiVersion: z.literal('v1').exactOptional(),
  kind: z.literal('Config').exactOptional(),
  'current-context': nonEmpty,
  contexts: z.array(
    z.looseObject({ name: nonEmpty, context: z.looseObject({ cluster: nonEmpty, user: nonEmpty }) }),
  ),
  clusters: z.array(z.looseObject({ name: nonEmpty, cluster: z.unknown() })),
  users: z.array(z.looseObject({ name: nonEmpty, user: z.unknown() })),
});

export { cluster as kubeconfigCluster, user as kubeconfigUser };
