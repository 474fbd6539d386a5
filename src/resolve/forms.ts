// The forms, besides plain JSON, in which kubectl's paths are answered: meta.k8s.io/v1 (apimachinery pkg/apis/meta/v1).

import type { PodsView } from '../core/action.ts';
import { negotiate, PLAIN } from '../kubectl/accept.ts';

const form = <As extends string>(as: As) => ({ as, group: 'meta.k8s.io', version: 'v1' }) as const;

export const TABLE = form('Table');
/** What metadata clients ask for: of one object and of each event of a watch, or of a list. */
const METADATA = form('PartialObjectMetadata');
const METADATA_LIST = form('PartialObjectMetadataList');

/** The form of one object, or of the events of a watch. Throws NotAcceptable. */
export const negotiateOne = (accept: readonly string[]): PodsView['as'] =>
  toView(negotiate(accept, [PLAIN, TABLE, METADATA]).as);

/** The form of a list. Throws NotAcceptable. */
export const negotiateList = (accept: readonly string[]): PodsView['as'] =>
  toView(negotiate(accept, [PLAIN, TABLE, METADATA_LIST]).as);

function toView(as: '' | 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList'): PodsView['as'] {
  if (as === '') return 'Object';
  return as === 'Table' ? 'Table' : 'Metadata';
}
