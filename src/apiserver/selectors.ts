// Label and field selectors of list, watch and deletecollection requests, as one question to a stored object.
import { type FieldRequirement, parseFieldSelector } from '../apimachinery/field-selector.js';
import { parseSelector } from '../apimachinery/labels.js';
import type { KubeObject } from '../apimachinery/object.js';
import { badRequest } from '../apimachinery/status.js';
import type { AnyKind } from '../kinds/define.js';
import type { Matcher } from './storage/cache-event.js';

/** Undefined where everything matches, so that nothing needs to be parsed for it. Throws StatusError 400. */
export function matcherOf(kind: AnyKind, query: URLSearchParams, name: string | undefined): Matcher | undefined {
  const labels = parseSelector(query.get('labelSelector') ?? '');
  const fields = parseFieldSelector(query.get('fieldSelector') ?? '').map((requirement) => fieldMatcher(kind, requirement));
  if (name !== undefined) fields.push((object) => object.metadata.name === name);
  if (labels.empty && fields.length === 0) return undefined;
  return ({ object }) => labels.matches(object.metadata.labels) && fields.every((matches) => matches(object));
}

function fieldMatcher(kind: AnyKind, { path, op, value }: FieldRequirement): (object: KubeObject) => boolean {
  const read = fieldReader(kind, path);
  if (!read) throw badRequest(unsupported(kind, path));
  return op === '=' ? (object) => read(object) === value : (object) => read(object) !== value;
}

/** Upstream's words differ by whether the kind has fields of its own to select by. */
function unsupported({ selectableFields, namespaced }: AnyKind, path: string): string {
  if (selectableFields) return `field label not supported: ${path}`;
  return `${JSON.stringify(path)} is not a known field selector: only "metadata.name"${namespaced ? ', "metadata.namespace"' : ''}`;
}

function fieldReader(kind: AnyKind, path: string): ((object: KubeObject) => string) | undefined {
  if (path === 'metadata.name') return (object) => object.metadata.name;
  if (path === 'metadata.namespace' && kind.namespaced) return (object) => object.metadata.namespace ?? '';
  return Object.hasOwn(kind.selectableFields ?? {}, path) ? kind.selectableFields?.[path] : undefined;
}
