// OpenAPI paths: the operations of a resource, as far as clients read them (which kind, which parameters, which patches).
import type { AnyKind } from '../../kinds/define.js';
import { subresourcesOf } from '../discovery.js';
import { PATCH_TYPES } from '../patches.js';
import { verbsOf } from '../resources.js';
import type { OpenApiSchema } from './schema.js';

interface Gvk {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface References {
  readonly object: OpenApiSchema;
  readonly list: OpenApiSchema;
}

const query = (name: string, type: string) => ({ name, in: 'query', schema: { type, uniqueItems: true } });
const path = (name: string) => ({ name, in: 'path', required: true, schema: { type: 'string', uniqueItems: true } });
const LIST_PARAMETERS = [
  query('allowWatchBookmarks', 'boolean'),
  query('continue', 'string'),
  query('fieldSelector', 'string'),
  query('labelSelector', 'string'),
  query('limit', 'integer'),
  query('resourceVersion', 'string'),
  query('resourceVersionMatch', 'string'),
  query('sendInitialEvents', 'boolean'),
  query('timeoutSeconds', 'integer'),
  query('watch', 'boolean'),
];
const WRITE_PARAMETERS = [query('dryRun', 'string'), query('fieldManager', 'string'), query('fieldValidation', 'string')];
const DELETE_PARAMETERS = [
  query('dryRun', 'string'),
  query('gracePeriodSeconds', 'integer'),
  query('orphanDependents', 'boolean'),
  query('propagationPolicy', 'string'),
];

/** All paths of a kind. */
export function pathsOf(kind: AnyKind, references: References): { readonly [path: string]: object } {
  const base = kind.group ? `/apis/${kind.group}/${kind.version}` : `/api/${kind.version}`;
  const collection = kind.namespaced ? `${base}/namespaces/{namespace}/${kind.plural}` : `${base}/${kind.plural}`;
  const operations = new Operations(kind);
  const out: { [path: string]: object } = {};
  out[collection] = operations.collection(references);
  out[`${collection}/{name}`] = operations.object(references);
  if (kind.namespaced) out[`${base}/${kind.plural}`] = operations.allNamespaces(references);
  for (const { name, group, version, kind: subKind, verbs } of subresourcesOf(kind)) {
    out[`${collection}/{name}/${name}`] = operations.subresource({ group, version, kind: subKind }, verbs);
  }
  return out;
}

class Operations {
  readonly #verbs: readonly string[];

  constructor(private readonly kind: AnyKind) {
    this.#verbs = verbsOf(kind);
  }

  collection({ object, list }: References): object {
    return this.#only({
      list: ['get', this.#operation('list', [], { 200: list }, LIST_PARAMETERS)],
      create: ['post', this.#operation('post', [object], { 200: object, 201: object, 202: object }, WRITE_PARAMETERS)],
      deletecollection: ['delete', this.#operation('deletecollection', [], {}, [...DELETE_PARAMETERS, ...LIST_PARAMETERS])],
    });
  }

  object({ object }: References): object {
    return this.#only({
      get: ['get', this.#operation('get', [], { 200: object }, [], ['name'])],
      update: ['put', this.#operation('put', [object], { 200: object, 201: object }, WRITE_PARAMETERS, ['name'])],
      patch: ['patch', this.#patch({ 200: object, 201: object })],
      delete: ['delete', this.#operation('delete', [], {}, DELETE_PARAMETERS, ['name'])],
    });
  }

  allNamespaces({ list }: References): object {
    return this.#verbs.includes('list')
      ? { get: { ...this.#operation('list', [], { 200: list }, LIST_PARAMETERS), parameters: LIST_PARAMETERS } }
      : {};
  }

  subresource(gvk: Gvk, verbs: readonly string[]): object {
    const out: { [method: string]: object } = {};
    if (verbs.includes('get')) out['get'] = this.#operation('get', [], {}, [], ['name'], gvk);
    if (verbs.includes('create')) out['post'] = this.#operation('post', [], {}, WRITE_PARAMETERS, ['name'], gvk);
    if (verbs.includes('update')) out['put'] = this.#operation('put', [], {}, WRITE_PARAMETERS, ['name'], gvk);
    if (verbs.includes('patch')) out['patch'] = this.#patch({}, gvk);
    return out;
  }

  /** The operations whose verbs the kind has, by their HTTP methods. */
  #only(operations: { readonly [verb: string]: readonly [method: string, operation: object] }): object {
    return Object.fromEntries(
      Object.entries(operations)
        .filter(([verb]) => this.#verbs.includes(verb))
        .map(([, entry]) => entry),
    );
  }

  #patch(answers: { readonly [code: number]: OpenApiSchema }, gvk?: Gvk): object {
    const operation = this.#operation('patch', [], answers, [...WRITE_PARAMETERS, query('force', 'boolean')], ['name'], gvk);
    const content = Object.fromEntries(PATCH_TYPES.map((type) => [type, { schema: { type: 'object' } }]));
    return { ...operation, requestBody: { content, required: true } };
  }

  #operation(
    action: string,
    bodies: readonly OpenApiSchema[],
    answers: { readonly [code: number]: OpenApiSchema },
    parameters: readonly object[],
    inPath: readonly string[] = [],
    gvk: Gvk = { group: this.kind.group, version: this.kind.version, kind: this.kind.kind },
  ): object {
    const json = (schema: OpenApiSchema) => ({ 'application/json': { schema } });
    const responses = Object.entries(answers).map(([code, schema]) => [code, { description: '', content: json(schema) }]);
    const pathParameters = [...inPath, ...(this.kind.namespaced ? ['namespace'] : [])].map(path);
    return {
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': gvk,
      parameters: [...pathParameters, ...parameters],
      ...(bodies[0] ? { requestBody: { content: { '*/*': { schema: bodies[0] } }, required: true } } : {}),
      responses: responses.length > 0 ? Object.fromEntries(responses) : { 200: { description: '' } },
    };
  }
}
