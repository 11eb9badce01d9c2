// Our codec of etcd's messages beside gRPC's own loader of .proto files: each reads what the other writes, message by message.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadEtcdProto } from '../../../../src/etcd/grpc/proto.js';
import { ENUMS, MESSAGES, SERVICES } from '../../../../src/etcd/grpc/schema.js';

const dir = join(dirname(createRequire(import.meta.url).resolve('etcd3/package.json')), 'proto');
const theirs = loadSync('rpc.proto', { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true, includeDirs: [dir] });

type Table = { readonly [name: string]: readonly string[] };
const [messages, enums] = [MESSAGES as Table, ENUMS as Table];
/** Transactions hold transactions. */
const DEPTH = 3;

const scalar: { readonly [type: string]: fc.Arbitrary<unknown> } = {
  bytes: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  string: fc.string({ unit: 'grapheme', maxLength: 60 }),
  bool: fc.boolean(),
  int64: fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -1n, max: 300n })).map(String),
  uint64: fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 300n })).map(String),
  uint32: fc.nat(0xffff_ffff),
};

function anyOf(type: string, depth: number): fc.Arbitrary<unknown> {
  return scalar[type] ?? (enums[type] ? fc.constantFrom(...enums[type]) : messageOf(type, depth - 1));
}

/** Any of its fields, and at the most one of each oneof. */
function messageOf(name: string, depth: number): fc.Arbitrary<object> {
  const fields = messages[name]!.map((text) => text.split(' ') as [string, string, string, string?]);
  const wanted = fields.filter(([type]) => depth > 0 || scalar[type] || enums[type]);
  const single: Record<string, fc.Arbitrary<unknown>> = {};
  const choices = new Map<string, fc.Arbitrary<object>[]>();
  for (const [type, field, , oneof] of wanted) {
    const plain = type.replace('[]', '');
    const value = type.endsWith('[]') ? fc.array(anyOf(plain, depth), { maxLength: 3 }) : anyOf(plain, depth);
    if (oneof) choices.set(oneof, [...(choices.get(oneof) ?? []), value.map((v) => ({ [field]: v }))]);
    else single[field] = value;
  }
  const chosen = [...choices.values()].map((each) => fc.oneof(fc.constant({}), ...each));
  return fc.tuple(fc.record(single, { requiredKeys: [] }), ...chosen).map((parts) => Object.assign({}, ...parts) as object);
}

describe.each(Object.keys(SERVICES).filter((service) => service !== 'Auth'))('%s', (service) => {
  const their = theirs[`etcdserverpb.${service}`] as ServiceDefinition;
  const our = loadEtcdProto()[service as 'KV'];
  const methods = SERVICES[service as 'KV'];

  it('has the methods of the .proto files, each streaming as it does there', () => {
    expect(Object.keys(our)).toEqual(Object.keys(their));
    for (const name of Object.keys(our)) {
      const { path, requestStream, responseStream } = their[name]!;
      expect(our[name]).toMatchObject({ path, requestStream, responseStream });
    }
  });

  it.each(methods.map(([name, called]) => [name, called] as const))('%s: writes and reads what the loader does', (name, called) => {
    const [a, b] = [our[name] as MethodDefinition<object, object>, their[name] as MethodDefinition<object, object>];
    for (const [kind, write, read, theirWrite, theirRead] of [
      ['Request', a.requestSerialize, a.requestDeserialize, b.requestSerialize, b.requestDeserialize],
      ['Response', a.responseSerialize, a.responseDeserialize, b.responseSerialize, b.responseDeserialize],
    ] as const) {
      fc.assert(
        fc.property(messageOf(called + kind, DEPTH), (message) => {
          const wanted = theirRead(theirWrite(message));
          expect(read(theirWrite(message))).toEqual(wanted);
          expect(theirRead(write(message))).toEqual(wanted);
        }),
        { numRuns: 40 },
      );
    }
  });
});

describe('bytes that are no message', () => {
  it('are refused', () => {
    const { requestDeserialize } = loadEtcdProto().KV['Put'] as MethodDefinition<object, object>;
    for (const bytes of ['0a', '0a05ff', 'ffffffffffffffffffffff', '00'])
      expect(() => requestDeserialize(Buffer.from(bytes, 'hex'))).toThrow();
  });
});
