// Which kubelet serves a pod's log, exec, attach or port-forward, and under which path.
import { badRequest, notFound, StatusError } from '../apimachinery/status.js';
import { nodes } from '../kinds/core/node.js';
import type { Node, Pod } from '../kinds/types/core_v1.js';
import { PORT_KUBELET } from '../kinds/wellknown.js';
import type { ApiContext } from './context.js';
import type { ResourceRequest } from './exchange.js';
import { countOf } from './parameters.js';
import { isTrue } from './request.js';

export interface KubeletTarget {
  readonly node: string;
  readonly host: string;
  readonly port: number;
  /** With its query. */
  readonly path: string;
}

const LOG_COUNTS = ['tailLines', 'limitBytes', 'sinceSeconds'] as const;
const LOG_FLAGS = ['follow', 'previous', 'timestamps'] as const;
const LOG_TEXTS = ['sinceTime', 'stream'] as const;
/** Ours and, for a kubelet that is upstream's, its own names of the same streams. */
const STREAMS = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' } as const;
const COMPLETED: readonly (string | undefined)[] = ['Succeeded', 'Failed'];

/** Throws StatusError: 404 for the pod or its node, 400 for a pod or container that has nothing to connect to. */
export async function kubeletTarget(
  context: ApiContext,
  { exchange, info, resource }: ResourceRequest,
): Promise<KubeletTarget | undefined> {
  const name = info.name!;
  const stored = await resource.storage.get({ namespace: info.namespace, name });
  if (!stored) throw notFound(resource.kind.groupResource, name);
  const pod = stored.object as unknown as Pod;
  const path = pathOf(pod, info.subresource!, exchange.query);
  const node = pod.spec.nodeName;
  // As upstream: the log of a pod that no node runs is empty.
  if (!node && info.subresource === 'log') return undefined;
  if (!node) throw badRequest(`pod ${name} does not have a host assigned`);
  return { node, path, ...(await kubeletAddress(context, node)) };
}

/** Throws StatusError. */
export async function kubeletAddress(context: ApiContext, name: string): Promise<{ host: string; port: number }> {
  const stored = await context.resources.of(nodes).storage.get({ name });
  if (!stored) throw notFound(nodes.groupResource, name);
  const { status } = stored.object as Node;
  const host = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  if (!host) throw new StatusError(500, 'InternalError', `node ${name} has not reported an InternalIP by which its kubelet can be reached`);
  return { host, port: status.daemonEndpoints?.kubeletEndpoint?.Port || PORT_KUBELET };
}

function pathOf(pod: Pod, subresource: string, query: URLSearchParams): string {
  const { name, namespace } = pod.metadata;
  const at = (verb: string, ...more: string[]) => `/${[verb, namespace!, name, ...more].map(encodeURIComponent).join('/')}`;
  switch (subresource) {
    case 'log':
      return `${at('containerLogs', containerOf(pod, query))}?${logQuery(query)}`;
    case 'exec':
    case 'attach':
      if (COMPLETED.includes(pod.status.phase)) {
        throw badRequest(`cannot exec in or attach to a completed pod; current phase is ${pod.status.phase}`);
      }
      return `${at(subresource, containerOf(pod, query))}?${streamQuery(query)}`;
    case 'portforward':
      return `${at('portForward')}?${portQuery(query)}`;
    default:
      throw badRequest(`pods/${subresource} is not supported`);
  }
}

/** The container asked for, or the only one. */
function containerOf({ metadata, spec }: Pod, query: URLSearchParams): string {
  const containers = spec.containers.map(({ name }) => name);
  const init = spec.initContainers?.map(({ name }) => name) ?? [];
  const ephemeral = spec.ephemeralContainers?.map(({ name }) => name) ?? [];
  const wanted = query.get('container');
  if (wanted) {
    if ([...containers, ...init, ...ephemeral].includes(wanted)) return wanted;
    throw badRequest(`container ${wanted} is not valid for pod ${metadata.name}`);
  }
  if (containers.length === 1) return containers[0]!;
  const orInit = init.length > 0 ? ` or one of the init containers: [${init.join(' ')}]` : '';
  throw badRequest(`a container name must be specified for pod ${metadata.name}, choose one of: [${containers.join(' ')}]${orInit}`);
}

function logQuery(query: URLSearchParams): URLSearchParams {
  const out = new URLSearchParams();
  for (const name of LOG_COUNTS) {
    const count = countOf(query, name);
    if (count !== undefined) out.set(name, String(count));
  }
  for (const name of LOG_FLAGS) if (isTrue(query.get(name))) out.set(name, 'true');
  for (const name of LOG_TEXTS) if (query.get(name)) out.set(name, query.get(name)!);
  return out;
}

function streamQuery(query: URLSearchParams): URLSearchParams {
  const out = new URLSearchParams();
  for (const word of query.getAll('command')) out.append('command', word);
  for (const [name, upstream] of Object.entries(STREAMS)) {
    if (!isTrue(query.get(name))) continue;
    out.set(name, 'true');
    if (upstream !== name) out.set(upstream, '1');
  }
  return out;
}

function portQuery(query: URLSearchParams): URLSearchParams {
  const out = new URLSearchParams();
  for (const port of query.getAll('ports')) out.append('port', port);
  return out;
}
