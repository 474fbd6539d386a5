// Objects and tables of the gateway's own API group (meta/v1 conventions; Table: KEP-601). What users and nodes made up
// is in them: no cell steers a terminal, and no JSON string holds a character that does.

import { OWN_API_GROUP, OWN_API_VERSION } from '../core/operation.ts';
import type { View } from '../core/operation.ts';
import { toInertJson, toInertText } from '../terminal/inert.ts';

export interface Document {
  readonly contentType: string;
  readonly body: string;
}

export interface OwnObject {
  readonly name: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly spec: object;
  readonly status: object;
  /** One for each column. */
  readonly cells: readonly string[];
}

export interface Shape {
  readonly kind: string;
  /** Those with priority 1 are shown by `-o wide` only. */
  readonly columns: readonly (readonly [name: string, priority: 0 | 1, description: string])[];
}

const apiVersion = `${OWN_API_GROUP}/${OWN_API_VERSION}`;

export const toListDocument = (shape: Shape, objects: readonly OwnObject[], view: View): Document =>
  toDocument(
    view === 'Table'
      ? toTable(shape, objects)
      : {
          kind: `${shape.kind}List`,
          apiVersion,
          metadata: {},
          items: objects.map((object) => toObject(shape, object)),
        },
  );

export const toOneDocument = (shape: Shape, object: OwnObject, view: View): Document =>
  toDocument(view === 'Table' ? toTable(shape, [object]) : toObject(shape, object));

/** metav1.Status of a success. */
export const toDoneDocument = (kind: string, name: string): Document =>
  toDocument({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name, group: OWN_API_GROUP, kind },
  });

const toDocument = (value: object): Document => ({
  contentType: 'application/json',
  body: `${toInertJson(value)}\n`,
});

const toObject = ({ kind }: Shape, { name, createdAt, spec, status }: OwnObject): object => ({
  kind,
  apiVersion,
  metadata: { name, creationTimestamp: createdAt },
  spec,
  status,
});

const toTable = ({ columns }: Shape, objects: readonly OwnObject[]): object => ({
  kind: 'Table',
  apiVersion: 'meta.k8s.io/v1',
  metadata: {},
  columnDefinitions: columns.map(([name, priority, description], index) => ({
    name,
    type: 'string',
    format: index === 0 ? 'name' : '',
    description,
    priority,
  })),
  rows: objects.map(({ name, createdAt, cells }) => ({
    cells: cells.map(toInertText),
    object: {
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { name, creationTimestamp: createdAt },
    },
  })),
});
