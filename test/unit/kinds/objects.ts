// Objects as the API server makes them of a client's: decoded, defaulted, prepared, with a server's metadata; and their errors.
import type { JsonObject } from '../../../src/apimachinery/json.js';
import { normalize } from '../../../src/apimachinery/normalize.js';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import { columnsOf } from '../../../src/apimachinery/table.js';
import type { Kind, Mutable } from '../../../src/kinds/define.js';
import { schemas } from '../../../src/kinds/index.js';
import { validateObjectMeta } from '../../../src/kinds/validation.js';

export const NOW_ms = Date.parse('2026-01-01T12:00:00Z');

/** RFC 3339, so many seconds before NOW_ms. */
export const ago = (seconds: number): string => new Date(NOW_ms - seconds * 1000).toISOString().replace('.000Z', 'Z');

/** Decoded and defaulted; still without what creation adds. */
export function decoded<T extends KubeObject>(kind: Kind<T>, draft: object): Mutable<T> {
  const input = { apiVersion: kind.apiVersion, kind: kind.kind, ...draft } as unknown as JsonObject;
  const object = normalize(schemas.get(kind.schema), input).object as unknown as Mutable<T>;
  kind.defaults?.(object);
  return object;
}

/** As stored a day before NOW_ms, in the namespace `default` if it has one. */
export function created<T extends KubeObject>(kind: Kind<T>, draft: object): Mutable<T> {
  const object = decoded(kind, draft);
  kind.prepareForCreate?.(object);
  const metadata = object.metadata as Mutable<KubeObject['metadata']>;
  metadata.name ||= 'x';
  if (kind.namespaced) metadata.namespace ??= 'default';
  metadata.uid = '11111111-2222-4333-8444-555555555555';
  metadata.creationTimestamp = ago(86_400);
  kind.named?.(object, undefined);
  return object;
}

/** `field: message` of all that is wrong with creating it. */
export function errorsOf<T extends KubeObject>(kind: Kind<T>, draft: object): string[] {
  const object = created(kind, draft) as T;
  return [...validateObjectMeta(kind, object), ...(kind.validate?.(object, undefined) ?? [])].map(text);
}

/** `field: message` of all that is wrong with changing the one to the other. */
export function updateErrorsOf<T extends KubeObject>(kind: Kind<T>, before: object, after: object): string[] {
  const old = created(kind, before) as T;
  const object = created(kind, after);
  kind.prepareForUpdate?.(object, old);
  return (kind.validate?.(object as T, old) ?? []).map(text);
}

/** `field: message` of all that is wrong with a status, where the spec is `spec` and the status was `before`. */
export function statusErrorsOf<T extends KubeObject>(kind: Kind<T>, draft: object, before: object, after: object): string[] {
  const object = created(kind, draft);
  return (kind.validateStatus?.({ ...object, status: after } as unknown as T, { ...object, status: before } as unknown as T) ?? []).map(
    text,
  );
}

export const text = ({ field, message }: { field: string; message: string }): string => `${field}: ${message}`;

/** The cells of its row as kubectl shows them: narrow ones, or all with `wide`. */
export function rowOf<T extends KubeObject>(kind: Kind<T>, object: object, wide = false): unknown[] {
  const columns = columnsOf(kind).filter((column) => wide || !column.priority);
  return columns.map((column) => column.cell(object as KubeObject, NOW_ms));
}

/** The headings of those columns, upper case. */
export function headingsOf<T extends KubeObject>(kind: Kind<T>, wide = false): string[] {
  return columnsOf(kind)
    .filter((column) => wide || !column.priority)
    .map((column) => column.name.toUpperCase());
}

export const container = (more: object = {}) => ({ name: 'web', image: 'nginx:1.27', ...more });
export const podWith = (spec: object = {}, more: object = {}) => ({
  metadata: { name: 'web' },
  spec: { containers: [container()], ...spec },
  ...more,
});
export const template = (spec: object = {}) => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [container()], ...spec },
});
export const workload = (spec: object = {}) => ({
  metadata: { name: 'web' },
  spec: { selector: { matchLabels: { app: 'web' } }, template: template(), ...spec },
});
