// A CustomResourceDefinition for tests, small but with something of everything.
import type { JsonObject } from '../../src/apimachinery/json.js';

export const CRONTAB_SCHEMA: JsonObject = {
  description: 'A job at a time',
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      description: 'What to run, and when',
      type: 'object',
      required: ['cronSpec'],
      properties: {
        cronSpec: { description: 'When it is run', type: 'string', pattern: '^(\\d+|\\*)(\\s+(\\d+|\\*)){4}$' },
        image: { type: 'string', default: 'busybox' },
        replicas: { type: 'integer', minimum: 0, maximum: 10 },
        extra: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: { type: 'object', required: ['name'], properties: { name: { type: 'string' }, port: { type: 'integer' } } },
        },
      },
    },
    status: { type: 'object', properties: { replicas: { type: 'integer' }, labelSelector: { type: 'string' } } },
  },
};

export const CRONTAB_VERSION: JsonObject = {
  name: 'v1',
  served: true,
  storage: true,
  schema: { openAPIV3Schema: CRONTAB_SCHEMA },
  subresources: {
    status: {},
    scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas', labelSelectorPath: '.status.labelSelector' },
  },
  additionalPrinterColumns: [
    { name: 'Spec', type: 'string', description: 'When', jsonPath: '.spec.cronSpec' },
    { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Image', type: 'string', priority: 1, jsonPath: '.spec.image' },
  ],
  selectableFields: [{ jsonPath: '.spec.image' }],
};

/** `crontabs.stable.example.com`, with what is given in place of its own. */
export function crontabs(spec: JsonObject = {}, names: JsonObject = {}) {
  const { group = 'stable.example.com' } = spec;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${names['plural'] ?? 'crontabs'}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', shortNames: ['ct'], categories: ['all'], ...names },
      versions: [CRONTAB_VERSION],
      ...spec,
    },
  };
}

export const crontab = (name: string, spec: JsonObject = {}, more: JsonObject = {}) => ({
  apiVersion: 'stable.example.com/v1',
  kind: 'CronTab',
  metadata: { name },
  spec: { cronSpec: '* * * * 5', ...spec },
  ...more,
});
