// Attributes: what of a request authorizers decide by.
import { parseFieldSelector } from '../../apimachinery/field-selector.js';
import { DECISIONS } from '../../client/pod-decisions.js';
import type { UserInfo } from '../options.js';
import type { RequestInfo } from '../request.js';

export interface ResourceAttributes {
  readonly isResource: true;
  readonly user: UserInfo;
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  /** What a list or watch is limited to, as `field=value`. */
  readonly fields?: ReadonlyMap<string, string>;
}

export interface PathAttributes {
  readonly isResource: false;
  readonly user: UserInfo;
  readonly verb: string;
  readonly path: string;
}

export type Attributes = ResourceAttributes | PathAttributes;

export function attributesOf(user: UserInfo, info: RequestInfo, query: URLSearchParams): Attributes {
  if (!info.isResource) return { isResource: false, user, verb: info.verb, path: info.path };
  const { verb, group, version, resource } = info;
  // What was decided about a pod is for those who may read the pod, and what would be for those who may create it.
  const isDecisions = info.subresource === DECISIONS && resource === 'pods' && group === '';
  const subresource = isDecisions ? undefined : info.subresource;
  const name = isDecisions && verb === 'create' ? undefined : info.name;
  // As upstream: a Namespace itself is asked for within it, so that a role of the namespace can allow it.
  const namespace = info.namespace ?? (resource === 'namespaces' && group === '' ? name : undefined);
  const attributes = { isResource: true, user, verb, group, version, resource, subresource, namespace, name } as const;
  const selector = verb === 'list' || verb === 'watch' ? query.get('fieldSelector') : undefined;
  const fields = selector ? fieldsOf(selector) : undefined;
  return fields ? { ...attributes, name: fields.get('metadata.name') ?? name, fields } : attributes;
}

/** The equalities. Throws StatusError 400. */
export function fieldsOf(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const { path, op, value } of parseFieldSelector(text)) if (op === '=') fields.set(path, value);
  return fields;
}
