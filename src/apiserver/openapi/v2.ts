// OpenAPI v2, which clients ask for only where the v3 documents have no answer (a kind that nobody knows): without
// definitions, which means that there is nothing more to know.
import type { Answer } from '../discovery.js';
import { parseAccept } from '../http/negotiate.js';
import { VERSION_INFO } from '../version.js';

export const OPENAPI_V2 = '/openapi/v2';
const PROTOBUF = 'application/com.github.proto-openapi.spec.v2';
const TITLE = 'Kubernetes';

/** Newer clients name the protobuf type with an @, older ones with a dot; each gets its own spelling back. */
export function openApiV2(accept: string | undefined): Answer {
  const type = parseAccept(accept).find((range) => range.type.startsWith(PROTOBUF))?.type;
  if (type) return { contentType: type, bytes: protobufDocument() };
  const document = { swagger: '2.0', info: { title: TITLE, version: VERSION_INFO.gitVersion }, paths: {}, definitions: {} };
  return { contentType: 'application/json', bytes: Buffer.from(JSON.stringify(document)) };
}

/** Field numbers of the message Document, and of Info within it. */
const [SWAGGER, INFO, PATHS] = [1, 2, 8];
const [INFO_TITLE, INFO_VERSION] = [1, 2];

function protobufDocument(): Buffer {
  const info = Buffer.concat([field(INFO_TITLE, Buffer.from(TITLE)), field(INFO_VERSION, Buffer.from(VERSION_INFO.gitVersion))]);
  return Buffer.concat([field(SWAGGER, Buffer.from('2.0')), field(INFO, info), field(PATHS, Buffer.alloc(0))]);
}

/** A length-delimited field; all of these are shorter than the 128 bytes that one byte of length can say. */
const field = (number: number, bytes: Buffer): Buffer => Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
