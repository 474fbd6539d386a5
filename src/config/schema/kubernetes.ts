// What the Kubernetes formats share.

import { z } from 'zod';

export const strings = z.array(z.string());

/** ObjectMeta of a file that is not an object of a cluster: carried along, of no meaning. */
export const ignoredMetadata = z.looseObject({}).exactOptional();

/** metav1.ObjectMeta as far as it matters; everything else that a cluster writes there is passed over. */
export const metadata = z.looseObject({
  name: z.string().min(1),
  namespace: z.string().min(1).exactOptional(),
});
