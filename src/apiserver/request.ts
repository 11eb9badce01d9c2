// RequestInfo: what a request's path and method ask for, told apart once for every filter and handler.
import { badRequest } from '../apimachinery/status.js';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

/** A request for an API resource. `namespace` is absent for cluster-scoped resources and for all namespaces. */
export interface ResourceRequestInfo {
  readonly isResource: true;
  readonly verb: Verb;
  readonly path: string;
  readonly group: string;
  readonly version: string;
  readonly namespace: string | undefined;
  readonly resource: string;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** What follows the proxy subresource, as it came: empty, or from a slash on. */
  readonly proxyPath?: string;
}

/** Any other path: discovery, health, OpenAPI. */
export interface PathRequestInfo {
  readonly isResource: false;
  readonly verb: string;
  readonly path: string;
}

export type RequestInfo = ResourceRequestInfo | PathRequestInfo;

/** Subresources of a Namespace itself: anything else after its name is a resource inside it. */
const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(['status', 'finalize']);
export const PROXY = 'proxy';
/** The resource and its proxy subresource, and the path that is the business of what is behind it. */
const PROXIED = /^(\/api\/[^/]+\/(?:namespaces\/[^/]+\/)?(?:pods|services|nodes)\/[^/]+\/proxy)(\/.*)?$/;
/** The verb, and in paths of old what stands before the resource. */
const WATCH = 'watch';
/** Longest path that is looked at: no resource path comes near, a longer one is an attack or an accident. */
const MAX_PATH_LENGTH = 4096;

/** `path` as it stands in the URL, percent-encoded and without its query. */
export function requestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  if (path.length > MAX_PATH_LENGTH) throw badRequest(`the path is longer than ${MAX_PATH_LENGTH} characters`);
  // Throws where it is malformed.
  decode(path);
  const [, resourcePath = path, proxyPath] = (path.includes(`/${PROXY}`) && PROXIED.exec(path)) || [];
  const parts = resourcePath.split('/').slice(1);
  if (parts.at(-1) === '') parts.pop();
  const rest = resourcePart(parts);
  const prefix = parts.length - (rest?.length ?? 0);
  if (!rest || rest.length === 0 || rest.includes('')) return { isResource: false, verb: method.toLowerCase(), path };
  const [group, version] = prefix === 2 ? ['', parts[1]!] : [parts[1]!, parts[2]!];
  // Deprecated long ago, and still what the Ruby client asks for.
  const watches = rest[0] === WATCH && rest.length > 1 && method === 'GET';
  const target = resourceTarget((watches ? rest.slice(1) : rest).map(decode));
  if (!target) return { isResource: false, verb: method.toLowerCase(), path };
  const verb = watches ? WATCH : verbOf(method, target.name !== undefined, query);
  const { namespace, resource, name, subresource } = target;
  const info = { isResource: true, verb, path, group, version, namespace, resource, name, subresource } as const;
  return subresource === PROXY ? { ...info, proxyPath: proxyPath ?? '' } : info;
}

/** What follows `/api/<version>` or `/apis/<group>/<version>`. */
function resourcePart(parts: readonly string[]): readonly string[] | undefined {
  if (parts[0] === 'api' && parts.length > 2) return parts.slice(2);
  if (parts[0] === 'apis' && parts.length > 3) return parts.slice(3);
  return undefined;
}

interface Target {
  readonly namespace: string | undefined;
  readonly resource: string;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

function resourceTarget(parts: readonly string[]): Target | undefined {
  const inNamespace = parts[0] === 'namespaces' && parts.length > 2 && !(parts.length === 3 && NAMESPACE_SUBRESOURCES.has(parts[2]!));
  const [resource, name, subresource, ...excess] = inNamespace ? parts.slice(2) : parts;
  if (!resource || excess.length > 0) return undefined;
  const namespace = inNamespace ? parts[1] : undefined;
  return { namespace, resource, name, subresource };
}

function decode(part: string): string {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    throw badRequest(`the path is not well formed: ${part}`);
  }
}

function verbOf(method: string, named: boolean, query: URLSearchParams): Verb {
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (named) return 'get';
      return isTrue(query.get('watch')) ? 'watch' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return named ? 'delete' : 'deletecollection';
    default:
      throw badRequest(`the method ${method} is not supported`);
  }
}

/** Subresources that a kubelet or another server answers, in forms of its own, for as long as the client likes. */
const CONNECTIONS: ReadonlySet<string> = new Set(['log', 'exec', 'attach', 'portforward', PROXY]);

export const isConnection = (info: RequestInfo): boolean => info.isResource && CONNECTIONS.has(info.subresource ?? '');

/** A boolean among query parameters: there, and neither `0` nor `false` in any letters, as clients of many languages write it. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}
