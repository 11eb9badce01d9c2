import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unknownFieldMessages } from '../../../src/apimachinery/codec/strict.js';
import type { JsonObject } from '../../../src/apimachinery/json.js';
import { normalize } from '../../../src/apimachinery/normalize.js';
import { schemas } from '../../../src/kinds/index.js';
import { deepFreeze, objectOf } from './arbitrary.js';

const schema = (id: string) => schemas.get(id);
const pod = (spec: JsonObject): JsonObject => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec });
const normalizePod = (spec: JsonObject) => normalize(schema('core.v1.Pod'), pod(spec));
const refused = (id: string, input: JsonObject) => {
  try {
    normalize(schema(id), input);
  } catch (error) {
    return error as { code: number; message: string };
  }
  throw new Error('was taken');
};

describe('what a client may leave out', () => {
  test('a minimal Pod gets the structs that are always there', () => {
    expect(normalizePod({ containers: [{ name: 'c', image: 'nginx' }] }).object).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'c', image: 'nginx', resources: {} }] },
      status: {},
    });
  });

  test('required values are there as zero, optional empty ones are not', () => {
    expect(normalize(schema('core.v1.Service'), { apiVersion: 'v1', kind: 'Service' }).object).toEqual({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {},
      spec: {},
      status: { loadBalancer: {} },
    });
    expect(normalizePod({}).object['spec']).toEqual({ containers: [] });
    expect(normalizePod({ containers: [{}], nodeName: '', hostNetwork: false, nodeSelector: {}, tolerations: [] }).object['spec']).toEqual({
      containers: [{ name: '', resources: {} }],
    });
  });

  test('a zero behind a pointer stays, null is as good as absent', () => {
    const spec = { containers: [], terminationGracePeriodSeconds: 0, enableServiceLinks: false, priority: null, volumes: null };
    expect(normalizePod(spec).object['spec']).toEqual({ containers: [], terminationGracePeriodSeconds: 0, enableServiceLinks: false });
  });

  test('declared defaults are filled in', () => {
    const { object } = normalizePod({ containers: [{ name: 'c', ports: [{ containerPort: 80 }] }] });
    expect(object).toMatchObject({ spec: { containers: [{ ports: [{ containerPort: 80, protocol: 'TCP' }] }] } });
    expect(normalize(schema('core.v1.ReplicationController'), {}).object).toMatchObject({ spec: { replicas: 1 } });
  });
});

test('unknown fields are dropped and named by their path', () => {
  const { object, unknownFields } = normalizePod({ foo: 1, containers: [{ name: 'c' }, { name: 'd', imag: 'x', env: [{ nam: 'a' }] }] });
  expect(unknownFields).toEqual(['spec.foo', 'spec.containers[1].imag', 'spec.containers[1].env[0].nam']);
  expect(JSON.stringify(object)).not.toContain('foo');
  expect(unknownFieldMessages(unknownFields)[0]).toBe('unknown field "spec.foo"');
  expect(normalize(schema('core.v1.ConfigMap'), { top: 1, spec: {} }).unknownFields).toEqual(['top', 'spec']);
});

test('field names are told apart by case, and what objects inherit is no field', () => {
  expect(normalizePod({ Containers: [], constructor: 1, toString: 2 }).unknownFields).toEqual([
    'spec.Containers',
    'spec.constructor',
    'spec.toString',
  ]);
});

test('apiVersion and kind stand in whole objects inside others, not in templates', () => {
  const set = {
    spec: {
      volumeClaimTemplates: [{ apiVersion: 'v1', kind: 'PersistentVolumeClaim' }],
      template: { kind: 'Pod' },
      selector: {},
      serviceName: '',
    },
  };
  expect(normalize(schema('apps.v1.StatefulSet'), set).unknownFields).toEqual(['spec.template.kind']);
});

test('quantities and times are written in canonical form', () => {
  const { object } = normalize(schema('core.v1.Pod'), {
    metadata: { creationTimestamp: '2024-01-01T01:00:00+01:00' },
    spec: { containers: [{ name: 'c', resources: { limits: { cpu: 0.5, memory: '1024Mi' } } }] },
  });
  expect(object).toMatchObject({
    metadata: { creationTimestamp: '2024-01-01T00:00:00Z' },
    spec: { containers: [{ resources: { limits: { cpu: '500m', memory: '1Gi' } } }] },
  });
});

describe('wrong types are refused in the words of upstream', () => {
  const go = 'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal';
  test.each([
    [{ containers: 'x' }, `${go} string into Go struct field PodSpec.spec.containers of type []v1.Container`],
    [{ containers: ['x'] }, `${go} string into Go struct field PodSpec.spec.containers of type v1.Container`],
    [{ containers: [{ image: 5 }] }, `${go} number into Go struct field Container.spec.containers.image of type string`],
    [
      { containers: [{ ports: [{ containerPort: '80' }] }] },
      `${go} string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32`,
    ],
    [{ hostNetwork: 'yes' }, `${go} string into Go struct field PodSpec.spec.hostNetwork of type bool`],
    [{ priority: 1.5 }, `${go} number 1.5 into Go struct field PodSpec.spec.priority of type int32`],
    [{ priority: 3_000_000_000 }, `${go} number 3000000000 into Go struct field PodSpec.spec.priority of type int32`],
    [{ nodeSelector: ['a'] }, `${go} array into Go struct field PodSpec.spec.nodeSelector of type map[string]string`],
    [{ nodeSelector: { a: true } }, `${go} bool into Go struct field PodSpec.spec.nodeSelector of type string`],
    [{ affinity: 1 }, `${go} number into Go struct field PodSpec.spec.affinity of type v1.Affinity`],
  ])('%j', (spec, message) => {
    expect(refused('core.v1.Pod', pod(spec))).toMatchObject({ code: 400, message });
  });

  test.each([
    [{ containers: [{ resources: { limits: { cpu: 'many' } } }] }, 'quantities must match the regular expression'],
    [{ containers: [{ resources: { limits: { cpu: { x: 1 } } } }] }, 'quantities must match the regular expression'],
    [{ containers: [{ livenessProbe: { httpGet: { port: true } } }] }, 'json: cannot unmarshal bool into Go value of type int32'],
  ])('%j', (spec, message) => {
    expect(refused('core.v1.Pod', pod(spec)).message).toContain(message);
  });

  test('times and base64', () => {
    expect(refused('core.v1.Pod', { metadata: { creationTimestamp: 'soon' } }).message).toContain('parsing time "soon"');
    expect(refused('core.v1.Pod', { metadata: { creationTimestamp: 5 } }).message).toContain('number into Go value of type string');
    expect(refused('core.v1.Secret', { data: { a: 'a$b=' } }).message).toContain('illegal base64 data at input byte 1');
    expect(normalize(schema('core.v1.Secret'), { data: { a: 'YW\nJj' } }).object).toMatchObject({ data: { a: 'YWJj' } });
  });

  test('another group names its version', () => {
    const error = refused('apps.v1.Deployment', { apiVersion: 'apps/v1', kind: 'Deployment', spec: { replicas: 'x' } });
    expect(error.message).toBe(
      'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    );
  });
});

test('a null item stands for the zero value', () => {
  expect(normalizePod({ containers: [null] }).object['spec']).toEqual({ containers: [{ name: '', resources: {} }] });
  expect(normalize(schema('core.v1.ConfigMap'), { data: { a: null } }).object).toMatchObject({ data: { a: '' } });
});

describe('the schema of a custom resource', () => {
  const crd = (openAPIV3Schema: JsonObject) => {
    const spec = { versions: [{ name: 'v1', schema: { openAPIV3Schema } }] };
    return { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', spec };
  };

  test('a schema, a boolean or a list stand as they are, and schemas in them are read', () => {
    const properties = {
      flags: { type: 'object', additionalProperties: { type: 'boolean', 'x-unknown': 1 } },
      open: { additionalProperties: true },
      closed: { additionalProperties: false },
      list: { type: 'array', items: { type: 'string', nullable: false } },
      tuple: { items: [{ type: 'string' }, { maximum: 1.5 }] },
      size: { default: null, enum: [1, 'a', null, { b: [] }], example: { any: ['thing'] }, 'x-kubernetes-int-or-string': true },
    };
    const { object, unknownFields } = normalize(schema('apiextensions.v1.CustomResourceDefinition'), crd({ type: 'object', properties }));
    expect(object).toMatchObject(
      crd({
        type: 'object',
        properties: {
          flags: { type: 'object', additionalProperties: { type: 'boolean' } },
          open: { additionalProperties: true },
          closed: { additionalProperties: false },
          list: { type: 'array', items: { type: 'string' } },
          tuple: { items: [{ type: 'string' }, { maximum: 1.5 }] },
          size: { enum: [1, 'a', null, { b: [] }], example: { any: ['thing'] }, 'x-kubernetes-int-or-string': true },
        },
      }),
    );
    expect(unknownFields).toEqual(['spec.versions[0].schema.openAPIV3Schema.properties.flags.additionalProperties.x-unknown']);
  });

  test('what has none of the forms is refused', () => {
    expect(refused('apiextensions.v1.CustomResourceDefinition', crd({ additionalProperties: 1 })).message).toBe(
      'CustomResourceDefinition in version "v1" cannot be handled as a CustomResourceDefinition: boolean or JSON schema expected',
    );
  });
});

test('__proto__ never gets into an object', () => {
  const hostile = JSON.parse('{"data":{"__proto__":"x"}}') as JsonObject;
  expect(refused('core.v1.ConfigMap', hostile).code).toBe(400);
  const unknown = JSON.parse('{"__proto__":{"polluted":true}}') as JsonObject;
  const { object, unknownFields } = normalize(schema('core.v1.ConfigMap'), unknown);
  expect(unknownFields).toEqual(['__proto__']);
  expect((object as { polluted?: boolean }).polluted).toBeUndefined();
  const raw = JSON.parse('{"data":{"a":{"__proto__":{}}}}') as JsonObject;
  expect(refused('apps.v1.ControllerRevision', raw).code).toBe(400);
});

test.each([
  'core.v1.Pod',
  'core.v1.Service',
  'apps.v1.Deployment',
  'core.v1.Node',
  'core.v1.Event',
  'discovery.v1.EndpointSlice',
  'certificates.v1.CertificateSigningRequest',
])('%s: the result is stable, knows all fields, shares nothing and leaves the input alone', (id) => {
  fc.assert(
    fc.property(objectOf(schema(id), 4), (input) => {
      const { object, unknownFields } = normalize(schema(id), deepFreeze(input));
      expect(unknownFields).toEqual([]);
      expect(normalize(schema(id), deepFreeze(structuredClone(object))).object).toEqual(object);
    }),
    { numRuns: 60 },
  );
});
