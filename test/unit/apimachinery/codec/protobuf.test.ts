import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBody } from '../../../../src/apimachinery/codec/index.js';
import { decodeProtobuf, type ResolveSchema } from '../../../../src/apimachinery/codec/protobuf.js';
import {
  encodeListMessage,
  encodeMessage,
  encodeProtobuf,
  envelope as envelopeOf,
  hasProtobuf,
  watchFrame,
} from '../../../../src/apimachinery/codec/protobuf-encode.js';
import type { JsonObject } from '../../../../src/apimachinery/json.js';
import { normalize } from '../../../../src/apimachinery/normalize.js';
import type { ObjectSchema } from '../../../../src/apimachinery/schema.js';
import { schemas } from '../../../../src/kinds/index.js';
import { objectOf } from '../arbitrary.js';
import { chunk, envelope, number, varint } from './encode.js';

/** `policy/v1` and `PodDisruptionBudget` are `policy.v1.PodDisruptionBudget`. */
const resolveSchema: ResolveSchema = (apiVersion, kind) => {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  return schemas.get(`${group?.split('.')[0]}.${version}.${kind}`);
};

/** As a create request does it. */
function received(bytes: Uint8Array) {
  const { value: decoded } = decodeBody('application/vnd.kubernetes.protobuf', bytes, resolveSchema);
  const { object, unknownFields } = normalize(resolveSchema(String(decoded['apiVersion']), String(decoded['kind']))!, decoded);
  expect(unknownFields).toEqual([]);
  return object;
}

describe('bodies that kubectl 1.35 sent', () => {
  test.each([
    [
      'create namespace dev',
      'azhzAAoPCgJ2MRIJTmFtZXNwYWNlEhsKEwoDZGV2EgAaACIAKgAyADgAQgASABoCCgAaACIA',
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'dev' }, spec: {}, status: {} },
    ],
    [
      'create deployment web --image=nginx --replicas=3 --port=80',
      'azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50ErgBCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEoYBCAMSDAoKCgNhcHASA3dlYhpsChwKABIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEkwSLgoFbmdpbngSBW5naW54KgAyCgoAEAAYUCIAKgBCAGoAcgCAAQCIAQCQAQCiAQAaADIAQgBKAFIAWABgAGgAggEAigEAmgEAwgEAIgIKACgAOAAaDAgAEAAYACAAKAA4ABoAIgA=',
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web', labels: { app: 'web' } },
        spec: {
          replicas: 3,
          selector: { matchLabels: { app: 'web' } },
          strategy: {},
          template: {
            metadata: { labels: { app: 'web' } },
            spec: { containers: [{ name: 'nginx', image: 'nginx', ports: [{ containerPort: 80, protocol: 'TCP' }], resources: {} }] },
          },
        },
        status: {},
      },
    ],
    [
      'create configmap cfg --from-literal=a=b --from-literal=empty=',
      'azhzAAoPCgJ2MRIJQ29uZmlnTWFwEigKEwoDY2ZnEgAaACIAKgAyADgAQgASBgoBYRIBYhIJCgVlbXB0eRIAGgAiAA==',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'cfg' }, data: { a: 'b', empty: '' } },
    ],
    [
      'create configmap bin --from-file=blob.bin',
      'azhzAAoPCgJ2MRIJQ29uZmlnTWFwEikKEwoDYmluEgAaACIAKgAyADgAQgAaEgoIYmxvYi5iaW4SBgD/EGJpbhoAIgA=',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'bin' }, binaryData: { 'blob.bin': 'AP8QYmlu' } },
    ],
    [
      'create secret generic s --from-literal=password=hunter2',
      'azhzAAoMCgJ2MRIGU2VjcmV0EioKEQoBcxIAGgAiACoAMgA4AEIAEhMKCHBhc3N3b3JkEgdodW50ZXIyGgAaACIA',
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data: { password: 'aHVudGVyMg==' } },
    ],
    [
      'create service nodeport web --tcp=80:8080 --node-port=30080',
      'azhzAAoNCgJ2MRIHU2VydmljZRJqCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEkMKHQoHODAtODA4MBIDVENQGFAiBwgAEJA/GgAogOsBEgoKA2FwcBIDd2ViGgAiCE5vZGVQb3J0OgBCAFIAWgBgAGgAGgIKABoAIgA=',
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', labels: { app: 'web' } },
        spec: {
          type: 'NodePort',
          selector: { app: 'web' },
          ports: [{ name: '80-8080', protocol: 'TCP', port: 80, targetPort: 8080, nodePort: 30080 }],
        },
        status: { loadBalancer: {} },
      },
    ],
    [
      'create service clusterip web2 --tcp=80:http',
      'azhzAAoNCgJ2MRIHU2VydmljZRJvCiEKBHdlYjISABoAIgAqADIAOABCAFoLCgNhcHASBHdlYjISRgoeCgc4MC1odHRwEgNUQ1AYUCIKCAEQABoEaHR0cCgAEgsKA2FwcBIEd2ViMhoAIglDbHVzdGVySVA6AEIAUgBaAGAAaAAaAgoAGgAiAA==',
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web2', labels: { app: 'web2' } },
        spec: { type: 'ClusterIP', selector: { app: 'web2' }, ports: [{ name: '80-http', protocol: 'TCP', port: 80, targetPort: 'http' }] },
        status: { loadBalancer: {} },
      },
    ],
    [
      'create quota q --hard=cpu=1,memory=1Gi,pods=5',
      'azhzAAoTCgJ2MRINUmVzb3VyY2VRdW90YRJBChEKAXESABoAIgAqADIAOABCABIqCgoKA2NwdRIDCgExCg8KBm1lbW9yeRIFCgMxR2kKCwoEcG9kcxIDCgE1GgAaACIA',
      {
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'q' },
        spec: { hard: { cpu: '1', memory: '1Gi', pods: '5' } },
        status: {},
      },
    ],
    [
      'auth can-i get pods',
      'azhzAAoyChdhdXRob3JpemF0aW9uLms4cy5pby92MRIXU2VsZlN1YmplY3RBY2Nlc3NSZXZpZXcSPAoQCgASABoAIgAqADIAOABCABIeChwKB2RlZmF1bHQSA2dldBoAIgAqBHBvZHMyADoAGggIABIAGgAgABoAIgA=',
      {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        metadata: {},
        spec: { resourceAttributes: { namespace: 'default', verb: 'get', resource: 'pods' } },
        status: { allowed: false },
      },
    ],
  ])('%s', (_, base64, expected) => {
    const sent = Buffer.from(base64, 'base64');
    const object = received(sent);
    expect(object).toEqual(expected);
    const { apiVersion, kind } = expected;
    // What Go wrote is, byte for byte, what we write: of the object as it came, and of its canonical form, where zeros are left out.
    const written = (each: JsonObject) => encodeProtobuf(resolveSchema(apiVersion, kind)!, each).toString('hex');
    expect(written(decodeProtobuf(sent, resolveSchema))).toBe(sent.toString('hex'));
    if (!JSON.stringify(object).includes('"protocol":"TCP"')) expect(written(object)).toBe(sent.toString('hex'));
  });
});

describe('messages made by hand', () => {
  const decode = (kind: string, ...raw: Buffer[]) => decodeProtobuf(envelope('v1', kind, Buffer.concat(raw)), resolveSchema);

  test('fields of a newer client are passed over, whatever their wire type', () => {
    const unknown = [
      number(500, 7),
      chunk(501, 'x'),
      Buffer.concat([varint(502 * 8 + 1), Buffer.alloc(8)]),
      Buffer.concat([varint(503 * 8 + 5), Buffer.alloc(4)]),
    ];
    expect(decode('ConfigMap', ...unknown, chunk(2, Buffer.concat([chunk(1, 'k'), chunk(2, 'v')])))).toMatchObject({ data: { k: 'v' } });
  });

  test('negative numbers, and numbers packed many to a field', () => {
    const spec = Buffer.concat([number(25, -5n), number(4, 2n ** 40n)]);
    expect(decode('Pod', chunk(2, spec))).toMatchObject({ spec: { priority: -5, terminationGracePeriodSeconds: 2 ** 40 } });
    const groups = chunk(4, Buffer.concat([varint(1), varint(300)]));
    expect(decode('Pod', chunk(2, chunk(14, groups)))).toMatchObject({ spec: { securityContext: { supplementalGroups: [1, 300] } } });
    const unpacked = Buffer.concat([number(4, 1), number(4, 300)]);
    expect(decode('Pod', chunk(2, chunk(14, unpacked)))).toMatchObject({ spec: { securityContext: { supplementalGroups: [1, 300] } } });
  });

  test('a map entry may leave out its key or its value', () => {
    expect(decode('ConfigMap', chunk(2, chunk(1, 'k')), chunk(2, chunk(2, 'v')))).toMatchObject({ data: { k: null, '': 'v' } });
  });

  test('the zero time is absent', () => {
    expect(decode('ConfigMap', chunk(1, chunk(8, '')))).toEqual({ apiVersion: 'v1', kind: 'ConfigMap', metadata: {} });
  });

  const name = chunk(1, chunk(1, 'n'));
  test.each([
    ['no magic', Buffer.from('{}'), /does not start with/],
    ['cut short', envelope('v1', 'ConfigMap', name).subarray(0, 20), /unexpected end/],
    ['a length beyond its message', envelope('v1', 'ConfigMap', Buffer.from([0x0a, 0x7f, 0x00])), /unexpected end/],
    ['an endless number', envelope('v1', 'ConfigMap', Buffer.alloc(12, 0xff)), /too long/],
    ['a tag of 0', envelope('v1', 'ConfigMap', Buffer.from([0, 0])), /illegal tag/],
    ['a group', envelope('v1', 'ConfigMap', varint(500 * 8 + 3)), /unknown wire type/],
    ['a text where a number belongs', envelope('v1', 'Pod', chunk(2, chunk(25, 'x'))), /field priority/],
    ['a text that is no UTF-8', envelope('v1', 'ConfigMap', chunk(1, chunk(1, Buffer.from([0xff])))), /UTF-8/],
    ['__proto__ as a key', envelope('v1', 'ConfigMap', chunk(2, Buffer.concat([chunk(1, '__proto__'), chunk(2, 'v')]))), /__proto__/],
  ])('%s is refused', (_, bytes, message) => {
    expect(() => decodeProtobuf(bytes, resolveSchema)).toThrow(
      expect.objectContaining({ code: 400, message: expect.stringMatching(message) }),
    );
  });

  test('a kind without a schema is refused by name', () => {
    const bytes = envelope('example.com/v1', 'Gadget', Buffer.alloc(0));
    expect(() => decodeProtobuf(bytes, () => undefined)).toThrow(/no kind "Gadget" is registered for version "example.com\/v1"/);
  });

  test('no bytes crash it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (raw) => {
        try {
          decodeProtobuf(envelope('v1', 'Pod', raw), resolveSchema);
        } catch (error) {
          expect(error).toMatchObject({ code: 400 });
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** A big type within a big type takes long to make and shows nothing new. */
const DEPTH = 3;
/** Types that can stand on their own: AdmissionRequest's kind is an object, and a bare type is a field's. */
const standsAlone = (schema: ObjectSchema) => !schema.bare && !schema.fields.get('kind')?.object;
const encodable = [...schemas.ids()].filter((id) => hasProtobuf(schemas.get(id)) && standsAlone(schemas.get(id)));

test('every built-in type has its numbers', () => {
  expect(encodable.length).toBeGreaterThan(370);
});

test.each(encodable)('%s: what is written is read back the same', (id) => {
  const schema = schemas.get(id);
  fc.assert(
    fc.property(objectOf(schema, DEPTH), (input) => {
      const { object } = normalize(schema, { ...input, apiVersion: 'v1', kind: id });
      const read = decodeProtobuf(encodeProtobuf(schema, object), () => schema);
      expect(normalize(schema, read).object).toEqual(object);
    }),
    { numRuns: 15 },
  );
});

describe('written', () => {
  const written = (apiVersion: string, kind: string, object: JsonObject) =>
    encodeProtobuf(resolveSchema(apiVersion, kind)!, { apiVersion, kind, ...object });

  test('a form of a bare type is a field of its message, and a schema implies that more is allowed', () => {
    const props = schemas.get('apiextensions.v1.JSONSchemaProps');
    const type = chunk(5, 'string');
    const closed = encodeMessage(props, { additionalProperties: false });
    expect(closed.includes(chunk(30, number(1, 0)))).toBe(true);
    const inner = encodeMessage(props, { type: 'string' });
    expect(inner.includes(type)).toBe(true);
    const open = encodeMessage(props, { additionalProperties: { type: 'string' } });
    expect(open.includes(chunk(30, Buffer.concat([number(1, 1), chunk(2, inner)])))).toBe(true);
    const tuple = encodeMessage(props, { items: [{ type: 'string' }] });
    expect(tuple.includes(chunk(24, chunk(2, inner)))).toBe(true);
    expect(encodeMessage(props, { default: { a: 1 } }).includes(chunk(8, chunk(1, '{"a":1}')))).toBe(true);
  });

  test('maps are in the order of their keys’ bytes', () => {
    const data = { '\u{1f600}': '', '\uffee': '', b: '', a: '' };
    const at = (key: string) => written('v1', 'ConfigMap', { metadata: {}, data }).indexOf(key);
    expect(['a', 'b', '\uffee', '\u{1f600}'].map(at)).toEqual(['a', 'b', '\uffee', '\u{1f600}'].map(at).sort((a, b) => a - b));
  });

  test('more than one buffer holds, and the writer is clean after an error', () => {
    const data = { long: 'é'.repeat(100_000), more: 'x'.repeat(3_000_000) };
    expect(received(written('v1', 'ConfigMap', { metadata: {}, data }))).toMatchObject({ data });
    expect(() => written('v1', 'ConfigMap', { metadata: {}, data: { a: { toString: 1 } as never } })).toThrow();
    expect(received(written('v1', 'ConfigMap', { metadata: { name: 'n' } }))).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'n' },
    });
  });

  test('a list is its items’ messages joined', () => {
    const item = { metadata: { name: 'n' }, data: { a: 'b' } };
    const list = { metadata: { resourceVersion: '7', remainingItemCount: 2 }, items: [item, item] };
    const pieces = encodeListMessage(
      schemas.get('meta.v1.ListMeta'),
      list.metadata,
      [item, item].map((each) => encodeMessage(schemas.get('core.v1.ConfigMap'), each)),
    );
    const bytes = envelopeOf('v1', 'ConfigMapList', pieces);
    expect(decodeProtobuf(bytes, () => schemas.get('core.v1.ConfigMapList'))).toMatchObject({ kind: 'ConfigMapList', ...list });
  });

  test('a watch’s frame is its length and an event around an object', () => {
    const object = written('v1', 'ConfigMap', { metadata: { name: 'n' } });
    const frame = watchFrame('ADDED', object);
    expect(frame.readUInt32BE()).toBe(frame.length - 4);
    expect(frame.subarray(4)).toEqual(Buffer.concat([chunk(1, 'ADDED'), chunk(2, chunk(1, object))]));
  });
});
