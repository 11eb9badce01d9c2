// The etcd v3 API's services, from the .proto files that the package etcd3 ships; read by the server and by the client of a real etcd.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const SERVICES = ['KV', 'Watch', 'Lease', 'Maintenance', 'Cluster', 'Auth'] as const;

/** Messages have etcd's field names, bytes as Buffers, 64-bit numbers as decimal strings, enums by name. */
export type EtcdProto = { readonly [service in (typeof SERVICES)[number]]: ServiceDefinition };

let loaded: EtcdProto | undefined;

/** Reads the files at the first call: they and their reader are needed only where gRPC is spoken. */
export function loadEtcdProto(): EtcdProto {
  loaded ??= load();
  return loaded;
}

function load(): EtcdProto {
  const dir = join(dirname(createRequire(import.meta.url).resolve('etcd3/package.json')), 'proto');
  // Without `defaults` an absent field is no field, and etcdctl fails on what etcd always sends.
  const options = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true, includeDirs: [dir] };
  const definitions = loadSync('rpc.proto', options);
  const service = (name: string) => [name, definitions[`etcdserverpb.${name}`] as ServiceDefinition] as const;
  return Object.fromEntries(SERVICES.map(service)) as EtcdProto;
}
