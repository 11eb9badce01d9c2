// fetchSnapshot: the snapshot stream of a running server, as the bytes of the file that it is to become.
import { Client, credentials, type MethodDefinition, type ServiceError } from '@grpc/grpc-js';
import { loadEtcdProto } from './proto.js';

/** PEM; absent: as gRPC does without. */
export interface SnapshotTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

interface SnapshotMessage {
  readonly blob: Buffer;
}

/** `https://host:port` or `http://host:port`. Rejects with an Error of one line where the server cannot be reached or refuses. */
export async function* fetchSnapshot(endpoint: string, tls: SnapshotTls): AsyncGenerator<Buffer> {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (!url) throw new Error(`${endpoint} is no URL such as https://127.0.0.1:2379`);
  const pem = (text: string | undefined) => (text === undefined ? null : Buffer.from(text));
  const channel =
    url.protocol === 'https:' ? credentials.createSsl(pem(tls.ca), pem(tls.key), pem(tls.cert)) : credentials.createInsecure();
  const client = new Client(url.host, channel);
  const { path, requestSerialize, responseDeserialize } = loadEtcdProto().Maintenance['Snapshot'] as MethodDefinition<
    object,
    SnapshotMessage
  >;
  try {
    const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {});
    for await (const { blob } of stream as AsyncIterable<SnapshotMessage>) yield blob;
  } catch (error) {
    const { details, message } = error as Partial<ServiceError>;
    throw new Error(`no snapshot from ${endpoint}: ${details ?? message}`, { cause: error });
  } finally {
    client.close();
  }
}
