// Label and field selectors of list, watch and deletecollection requests, as one question to a stored object.
import { type FieldRequirement, parseFieldSelector } from '../apimachinery/field-selector.js';
import { parseSelector } from '../apimachinery/labels.js';
import { badRequest } from '../apimachinery/status.js';
import type { AnyKind } from '../kinds/define.js';
import type { Matcher } from './storage/cache-event.js';
import type { Selectable } from './storage/stored.js';

/** Undefined where everything matches, so that nothing needs to be parsed for it. Throws StatusError 400. */
export function matcherOf(kind: AnyKind, query: URLSearchParams, name: string | undefined): Matcher | undefined {
  const labels = parseSelector(query.get('labelSelector') ?? '');
  const fields = [...parseFieldSelector(query.get('fieldSelector') ?? '')];
  for (const { path } of fields) if (!isSelectable(kind, path)) throw badRequest(unsupported(kind, path));
  if (name !== undefined) fields.push({ path: 'metadata.name', op: '=', value: name });
  if (labels.empty && fields.length === 0) return undefined;
  return ({ selectable }) => labels.matches(selectable.labels) && fields.every((field) => holds(field, selectable.fields));
}

const holds = ({ path, op, value }: FieldRequirement, fields: Selectable['fields']) => (op === '=') === (fields[path] === value);

/** Upstream's words differ by whether the kind has fields of its own to select by. */
function unsupported({ selectableFields, namespaced }: AnyKind, path: string): string {
  if (selectableFields) return `field label not supported: ${path}`;
  return `${JSON.stringify(path)} is not a known field selector: only "metadata.name"${namespaced ? ', "metadata.namespace"' : ''}`;
}

function isSelectable({ namespaced, selectableFields = {} }: AnyKind, path: string): boolean {
  return path === 'metadata.name' || (path === 'metadata.namespace' && namespaced) || Object.hasOwn(selectableFields, path);
}
