// OpenAPI v3 paths: the operations of a resource, with their parameters, bodies and answers.
import type { AnyKind } from '../../kinds/define.js';
import { verbsOf } from '../resources.js';
import { type SubresourceInfo, subresourcesOf } from '../subresources.js';
import type { OpenApiSchema } from './schema.js';

/** The schemas that operations refer to. */
export interface References {
  readonly object: OpenApiSchema;
  readonly list: OpenApiSchema;
  readonly deleteOptions: OpenApiSchema;
  readonly status: OpenApiSchema;
  readonly patchTypes: readonly string[];
  /** Of the body and the answer of a subresource; undefined where it has none that documents know. */
  subresource(info: SubresourceInfo): OpenApiSchema | undefined;
}

export interface Paths {
  readonly [path: string]: PathItem;
}

/** Parameters of all its operations, and each operation under its HTTP method. */
export interface PathItem {
  readonly [key: string]: unknown;
}

type ParameterType = 'string' | 'integer' | 'boolean';

const query = (name: string, type: ParameterType, description: string) => ({
  name,
  in: 'query',
  description,
  schema: { type, uniqueItems: true },
});
const inPath = (name: string, description: string) => ({
  name,
  in: 'path',
  description,
  required: true,
  schema: { type: 'string', uniqueItems: true },
});

const PRETTY = query('pretty', 'string', 'Whether the answer is to be indented for people to read.');
const DRY_RUN = query('dryRun', 'string', 'With "All" the request goes through every stage, but nothing is stored.');
const SELECT_PARAMETERS = [
  query('continue', 'string', 'The token that the previous page of the same list came with.'),
  query('fieldSelector', 'string', 'Only objects whose fields match.'),
  query('labelSelector', 'string', 'Only objects whose labels match.'),
  query('limit', 'integer', 'The most objects that a page may have.'),
  query('resourceVersion', 'string', 'How new the state must be, by the rule of resourceVersionMatch.'),
  query('resourceVersionMatch', 'string', 'How resourceVersion is meant: Exact or NotOlderThan.'),
  query('sendInitialEvents', 'boolean', 'Whether a watch begins with the state there is, ended by a bookmark.'),
  query('timeoutSeconds', 'integer', 'After how long a list or watch is ended.'),
];
const LIST_PARAMETERS = [
  ...SELECT_PARAMETERS,
  query('allowWatchBookmarks', 'boolean', 'Whether a watch may bring BOOKMARK events.'),
  query('watch', 'boolean', 'Whether to go on telling changes as they happen.'),
];
const FIELD_MANAGER = query('fieldManager', 'string', 'The name of the program or person that makes the change.');
const WRITE_PARAMETERS = [
  DRY_RUN,
  FIELD_MANAGER,
  query('fieldValidation', 'string', 'What to do about unknown and repeated fields: Ignore, Warn or Strict.'),
];
const FORCE = query('force', 'boolean', 'Whether an apply takes over fields that others manage.');
const DELETE_PARAMETERS = [
  DRY_RUN,
  query('gracePeriodSeconds', 'integer', 'How long the object may take to end; 0: at once.'),
  query('orphanDependents', 'boolean', 'Whether dependents are left behind; propagationPolicy says it better.'),
  query('propagationPolicy', 'string', 'What becomes of dependents: Orphan, Background or Foreground.'),
];
const CONNECT_METHODS = ['get', 'post'];
const WRITE_CODES = { create: [200, 201, 202], update: [200, 201], patch: [200, 201] } as const;

/** All paths of a kind. */
export function pathsOf(kind: AnyKind, references: References): Paths {
  const base = kind.group ? `/apis/${kind.group}/${kind.version}` : `/api/${kind.version}`;
  const collection = kind.namespaced ? `${base}/namespaces/{namespace}/${kind.plural}` : `${base}/${kind.plural}`;
  const operations = new Operations(kind, references);
  const paths: { [path: string]: PathItem } = {
    [collection]: operations.collection(),
    [`${collection}/{name}`]: operations.object(),
    ...(kind.namespaced ? { [`${base}/${kind.plural}`]: operations.allNamespaces() } : {}),
  };
  for (const sub of subresourcesOf(kind)) paths[`${collection}/{name}/${sub.name}`] = operations.subresource(sub);
  return Object.fromEntries(Object.entries(paths).filter(([, item]) => Object.keys(item).some((key) => key !== 'parameters')));
}

interface Operation {
  /** What operation ids begin with. */
  readonly name: string;
  /** What stands in operation ids between the version and the kind. */
  readonly infix?: string;
  /** Upstream's `x-kubernetes-action`. */
  readonly action: string;
  readonly parameters?: readonly object[];
  /** By media type. */
  readonly body?: { readonly [type: string]: OpenApiSchema } | undefined;
  readonly answer?: OpenApiSchema | undefined;
  readonly codes?: readonly number[];
  /** Absent: the kind itself. */
  readonly sub?: SubresourceInfo;
}

class Operations {
  readonly #verbs: ReadonlySet<string>;
  readonly #name = inPath('name', 'The name of the object.');
  readonly #namespace: readonly object[];

  constructor(
    private readonly kind: AnyKind,
    private readonly references: References,
  ) {
    this.#verbs = new Set(verbsOf(kind));
    this.#namespace = kind.namespaced ? [inPath('namespace', 'The namespace of the objects.')] : [];
  }

  collection(): PathItem {
    const { object, list, deleteOptions, status } = this.references;
    return this.#item(this.#namespace, {
      get: this.#if('list', { name: 'list', action: 'list', parameters: LIST_PARAMETERS, answer: list }),
      post: this.#if('create', this.#write('create', 'post', object)),
      delete: this.#if('deletecollection', {
        name: 'delete',
        infix: 'Collection',
        action: 'deletecollection',
        parameters: [...DELETE_PARAMETERS, ...SELECT_PARAMETERS],
        body: { '*/*': deleteOptions },
        answer: status,
      }),
    });
  }

  object(): PathItem {
    const { object, deleteOptions, status } = this.references;
    return this.#item([this.#name, ...this.#namespace], {
      get: this.#if('get', { name: 'read', action: 'get', answer: object }),
      put: this.#if('update', this.#write('update', 'put', object)),
      delete: this.#if('delete', {
        name: 'delete',
        action: 'delete',
        parameters: DELETE_PARAMETERS,
        body: { '*/*': deleteOptions },
        answer: status,
        codes: [200, 202],
      }),
      patch: this.#if('patch', this.#write('patch', 'patch', object)),
    });
  }

  allNamespaces(): PathItem {
    const { list } = this.references;
    return this.#item([], {
      get: this.#if('list', { name: 'list', action: 'list', parameters: LIST_PARAMETERS, answer: list }, 'ForAllNamespaces'),
    });
  }

  subresource(sub: SubresourceInfo): PathItem {
    const schema = this.references.subresource(sub);
    const parameters = [this.#name, ...this.#namespace];
    if (this.kind.subresources?.connect?.includes(sub.name)) {
      const connect = (method: string) => this.#operation({ name: 'connect', infix: capital(method), action: 'connect', sub });
      const methods = CONNECT_METHODS.filter((method) => sub.verbs.includes(method === 'get' ? 'get' : 'create'));
      return this.#item(parameters, Object.fromEntries(methods.map((method) => [method, connect(method)])));
    }
    const has = (verb: string, operation: Operation) => (sub.verbs.includes(verb) ? this.#operation({ ...operation, sub }) : undefined);
    return this.#item(parameters, {
      get: has('get', { name: 'read', action: 'get', answer: schema }),
      put: has('update', this.#write('update', 'put', schema)),
      post: has('create', this.#write('create', 'post', schema)),
      patch: has('patch', this.#write('patch', 'patch', schema)),
    });
  }

  #item(parameters: readonly object[], operations: { readonly [method: string]: object | undefined }): PathItem {
    const there = Object.entries(operations).filter(([, operation]) => operation !== undefined);
    return { parameters: [...parameters, PRETTY], ...Object.fromEntries(there) };
  }

  #if(verb: string, operation: Operation, suffix = ''): object | undefined {
    return this.#verbs.has(verb) ? this.#operation(operation, suffix) : undefined;
  }

  #write(verb: keyof typeof WRITE_CODES, action: string, schema: OpenApiSchema | undefined): Operation {
    const patch = () => Object.fromEntries(this.references.patchTypes.map((type) => [type, { type: 'object' }]));
    const name = verb === 'update' ? 'replace' : verb;
    const body = verb === 'patch' ? patch() : schema && { '*/*': schema };
    const parameters = verb === 'patch' ? [...WRITE_PARAMETERS, FORCE] : WRITE_PARAMETERS;
    return { name, action, parameters, body, answer: schema, codes: WRITE_CODES[verb] };
  }

  #operation(operation: Operation, suffix = ''): object {
    const { action, parameters = [], body, answer, codes = [200], sub } = operation;
    const { group, version, kind } = sub ?? this.kind;
    const content = answer && Object.fromEntries(ANSWER_TYPES.map((type) => [type, { schema: answer }]));
    const bodies = body && Object.fromEntries(Object.entries(body).map(([type, schema]) => [type, { schema }]));
    return {
      tags: [`${lowerFirst(groupName(this.kind.group))}_${this.kind.version}`],
      operationId: this.#id(operation, suffix),
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': { group, kind, version },
      ...(parameters.length > 0 ? { parameters } : {}),
      ...(bodies ? { requestBody: { content: bodies, ...(action.startsWith('delete') ? {} : { required: true }) } } : {}),
      responses: Object.fromEntries(codes.map((code) => [code, { description: RESPONSES[code], ...(content ? { content } : {}) }])),
    };
  }

  /** Such as readCoreV1NamespacedPodStatus, from which generated clients name their methods. */
  #id({ name, infix = '', sub }: Operation, suffix: string): string {
    const { group, version, namespaced, kind } = this.kind;
    const scope = namespaced && suffix === '' ? 'Namespaced' : '';
    return `${name}${groupName(group)}${capital(version)}${infix}${scope}${kind}${capital(sub?.name ?? '')}${suffix}`;
  }
}

const ANSWER_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const RESPONSES: { readonly [code: number]: string } = { 200: 'OK', 201: 'Created', 202: 'Accepted' };

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);
const groupName = (group: string) =>
  (group || 'core')
    .replace(/\.k8s\.io$/, '')
    .split('.')
    .map(capital)
    .join('');
