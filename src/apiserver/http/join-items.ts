// A list's JSON from its objects' own bytes, in one copy of each.
import { hasProtobuf } from '../../apimachinery/codec/protobuf-encode.js';
import type { ListResult } from '../exchange.js';

const [COMMA, OPEN] = [0x2c, 0x7b];
const END = Buffer.from(']}\n');

/** As in Go, items of a built-in kind do not repeat their kind and version; custom resources do. */
export function joinItems({ resource, objects }: ListResult, metadata: object): Buffer {
  const { kind, listKind, apiVersion } = resource.kind;
  const head = Buffer.from(`${JSON.stringify({ kind: listKind, apiVersion, metadata }).slice(0, -1)},"items":[`);
  const lead = Buffer.from(hasProtobuf(resource.schema) ? `{${JSON.stringify({ kind, apiVersion }).slice(1, -1)},` : '{');
  let size = head.length + END.length;
  for (const { length } of objects) size += length + 1;
  const out = Buffer.allocUnsafe(size);
  let at = head.copy(out);
  for (let i = 0; i < objects.length; i++) {
    if (i > 0) out[at++] = COMMA;
    out[at++] = OPEN;
    at = objects[i]!.copyTo(out, at, lead);
  }
  at += END.copy(out, at);
  return out.subarray(0, at);
}
