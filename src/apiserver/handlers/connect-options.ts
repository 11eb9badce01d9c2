// What a connection (exec, attach, portforward, proxy) asks for, as the object of upstream's options kind that admission is asked about.
import type { JsonObject } from '../../apimachinery/json.js';
import { normalize } from '../../apimachinery/normalize.js';
import { type BodyKind, bodyKind, type Draft } from '../body.js';
import type { ApiContext } from '../context.js';
import type { ResourceRequest } from '../exchange.js';
import { isTrue } from '../request.js';

const NAMES: { readonly [subresource: string]: string } = { exec: 'Exec', attach: 'Attach', portforward: 'PortForward', proxy: 'Proxy' };

export function connectOptions(
  { resources }: ApiContext,
  { exchange, resource, info }: ResourceRequest,
): { readonly kind: BodyKind; readonly object: Draft } {
  const name = `${resource.kind.kind}${NAMES[info.subresource!]}Options`;
  const kind = bodyKind(resources.schemas, 'v1', name, `core.v1.${name}`);
  const { schema, apiVersion } = kind;
  const fields: { [field: string]: JsonObject[string] } = {};
  for (const field of schema.fields.values()) {
    // What is proxied is named by the path; its query is the business of what is behind.
    const values = info.proxyPath === undefined ? exchange.query.getAll(field.name) : [info.proxyPath];
    const parse = (text: string) => (field.type === 'bool' ? isTrue(text) : field.type === 'int32' ? Number(text) : text);
    if (values.length > 0) fields[field.name] = field.of === 'list' ? values.map(parse) : parse(values[0]!);
  }
  return { kind, object: { kind: name, apiVersion, ...normalize(schema, fields).object } as unknown as Draft };
}
