// AddOn: what the API shows of a file in the manifests folder: where it is, what it made, and whether all of that could be applied.
import type { Draft } from '../../apimachinery/json.js';
import type { KubeObject } from '../../apimachinery/object.js';
import type { Condition } from '../../apimachinery/types/meta_v1.js';
import { defineKind } from '../../kinds/define.js';
import type { CustomResourceDefinition } from '../../kinds/types/apiextensions_v1.js';

/** On all that a file made: the name of its AddOn. */
export const LABEL_ADDON = 'porthole/addon';

export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

export interface AddOn extends KubeObject {
  readonly spec: {
    /** Of the server whose folder it is in: nobody else may take the file for removed. */
    readonly server: string;
    /** Below the folder. */
    readonly source: string;
    readonly checksum: string;
  };
  readonly status?: {
    readonly conditions?: readonly Condition[];
    /** All that it may have made and is not pruned yet. */
    readonly objects?: readonly ObjectRef[];
  };
}

export const addOns = defineKind<AddOn>({
  group: 'porthole.local',
  version: 'v1',
  kind: 'AddOn',
  plural: 'addons',
  namespaced: true,
  schema: '',
});

const text = { type: 'string' } as const;
const object = (properties: object, required: readonly string[] = []) => ({ type: 'object', properties, required });

export const addOnDefinition = {
  metadata: { name: `${addOns.plural}.${addOns.group}` },
  spec: {
    group: addOns.group,
    names: { plural: addOns.plural, singular: 'addon', kind: addOns.kind, listKind: 'AddOnList' },
    scope: 'Namespaced',
    versions: [
      {
        name: addOns.version,
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [
          { name: 'Source', type: 'string', jsonPath: '.spec.source' },
          { name: 'Applied', type: 'string', jsonPath: '.status.conditions[?(@.type=="Applied")].status' },
          { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Applied")].reason' },
          { name: 'Message', type: 'string', priority: 1, jsonPath: '.status.conditions[?(@.type=="Applied")].message' },
          { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
        ],
        schema: {
          openAPIV3Schema: {
            ...object({
              spec: object({ server: text, source: text, checksum: text }, ['server', 'source', 'checksum']),
              status: object({
                conditions: {
                  type: 'array',
                  items: object({
                    type: text,
                    status: text,
                    reason: text,
                    message: text,
                    lastTransitionTime: { ...text, format: 'date-time' },
                  }),
                },
                objects: { type: 'array', items: object({ apiVersion: text, kind: text, namespace: text, name: text }) },
              }),
            }),
            description: 'A file of the manifests folder of a server.',
          },
        },
      },
    ],
  },
} as unknown as Draft<CustomResourceDefinition>;
