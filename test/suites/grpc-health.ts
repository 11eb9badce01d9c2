// A gRPC server for tests that serves the health protocol, grpc.health.v1.
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

const PROTO = `syntax = "proto3";
  message Request { string service = 1; }
  message Response { enum State { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; } State status = 1; }`;

export interface GrpcHealth {
  readonly port: number;
  /** `silent`: it never answers. A service that was not set is not found. */
  set(service: string, state: 'UNKNOWN' | 'SERVING' | 'NOT_SERVING' | 'silent'): void;
  stop(): void;
}

export async function startGrpcHealth(path = '/grpc.health.v1.Health/Check'): Promise<GrpcHealth> {
  const { root } = protobuf.parse(PROTO);
  const [request, response] = [root.lookupType('Request'), root.lookupType('Response')];
  const states = new Map<string, string>();
  const check = {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: object) => Buffer.from(request.encode(value).finish()),
    requestDeserialize: (bytes: Buffer) => request.decode(bytes),
    responseSerialize: (value: object) => Buffer.from(response.encode(response.fromObject(value)).finish()),
    responseDeserialize: (bytes: Buffer) => response.decode(bytes),
  };
  const server = new Server();
  server.addService({ check } as never, {
    check({ request: { service } }: ServerUnaryCall<{ service: string }, object>, callback: sendUnaryData<object>) {
      const state = states.get(service);
      if (state === undefined) callback({ code: status.NOT_FOUND, details: 'unknown service' });
      else if (state !== 'silent') callback(null, { status: state });
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return { port, set: (service, state) => void states.set(service, state), stop: () => server.forceShutdown() };
}
