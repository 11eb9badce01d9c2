// The etcd v3 API's services as gRPC is given them: paths, and what turns their messages into bytes and back. Of the server and of the client.
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { type MessageCodec, messageCodecs, type Values } from './message-codec.js';
import { ENUMS, MESSAGES, SERVICES } from './schema.js';

/** Messages have etcd's field names, bytes as Buffers, 64-bit numbers as decimal strings, enums by name. */
export type EtcdProto = { readonly [service in keyof typeof SERVICES]: ServiceDefinition };

let made: EtcdProto | undefined;

/** Made at the first call: they are needed only where gRPC is spoken. */
export function loadEtcdProto(): EtcdProto {
  made ??= make();
  return made;
}

function make(): EtcdProto {
  const codecs = messageCodecs(MESSAGES, ENUMS);
  const services = Object.entries(SERVICES).map(([service, methods]) => {
    const definitions = methods.map(([name, messages, streams]) => {
      const codec = (kind: string) => codecs.get(messages + kind) ?? codecs.get(messages)!;
      const path = `/etcdserverpb.${service}/${name}`;
      return [name, definitionOf(path, codec('Request'), codec('Response'), streams)] as const;
    });
    return [service, Object.fromEntries(definitions)] as const;
  });
  return Object.fromEntries(services) as unknown as EtcdProto;
}

function definitionOf(
  path: string,
  request: MessageCodec,
  response: MessageCodec,
  streams: 'both' | 'responses' | undefined,
): MethodDefinition<object, object> {
  return {
    path,
    requestStream: streams === 'both',
    responseStream: streams !== undefined,
    requestSerialize: (message) => request.encode(message as Values),
    requestDeserialize: (bytes) => request.decode(bytes),
    responseSerialize: (message) => response.encode(message as Values),
    responseDeserialize: (bytes) => response.decode(bytes),
  };
}
