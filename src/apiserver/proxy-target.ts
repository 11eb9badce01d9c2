// Where the proxy subresource of pods, services and nodes leads, by names such as `https:web:8443`.
import { isIP } from 'node:net';
import { badRequest, notFound, type StatusError, serviceUnavailable } from '../apimachinery/status.js';
import { nodes } from '../kinds/core/node.js';
import { pods } from '../kinds/core/pod.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { ApiContext } from './context.js';
import type { ResourceRequest } from './exchange.js';
import type { ProxyTarget } from './http/reverse-proxy.js';
import { kubeletAddress } from './kubelet-target.js';
import type { ResourceRequestInfo } from './request.js';
import { type Address, addressOfService } from './service-address.js';

/** `name`, `name:port`, `scheme:name:port`; a port may be left empty. */
interface Named {
  readonly scheme: 'http' | 'https' | '';
  readonly name: string;
  readonly port: string;
}

interface Reached extends Address {
  readonly scheme: 'http' | 'https';
  readonly tls?: ProxyTarget['tls'];
}

const DEFAULT_PORTS = { http: 80, https: 443 } as const;
/** What serves in a pod has whatever certificate it made for itself. */
const ANY_CERTIFICATE = { rejectUnauthorized: false } as const;

/** Throws StatusError. */
export async function proxyTarget(context: ApiContext, { exchange, info, resource }: ResourceRequest): Promise<ProxyTarget> {
  const named = parseName(info.name!) ?? refuseName(resource.kind.singular, info.name!);
  const reached = await (resource.kind === pods ? reachPod : resource.kind === nodes ? reachNode : reachService)(context, info, named);
  const { scheme, host, port, tls = ANY_CERTIFICATE } = reached;
  const query = exchange.query.size > 0 ? `?${exchange.query}` : '';
  return {
    host,
    port,
    path: `${info.proxyPath}${query}`,
    authority: `${isIP(host) === 6 ? `[${host}]` : host}:${port}`,
    ...(scheme === 'https' ? { tls } : {}),
    headers: { 'X-Forwarded-Uri': exchange.path },
    location: (location) => rewrite(location, host, port, prefixOf(info)),
    unreachable: (why): StatusError => serviceUnavailable(`error trying to reach service: ${why}`),
  };
}

export function parseName(id: string): Named | undefined {
  const parts = id.split(':');
  const [scheme, name, port] = parts.length === 1 ? ['', parts[0]!, ''] : parts.length === 2 ? ['', ...parts] : parts;
  if (parts.length > 3 || !name || (scheme !== '' && scheme !== 'http' && scheme !== 'https')) return undefined;
  return { scheme, name, port: port! };
}

function refuseName(kind: string, id: string): never {
  throw badRequest(`invalid ${kind} request ${JSON.stringify(id)}`);
}

async function reachPod({ resources }: ApiContext, { namespace }: ResourceRequestInfo, { scheme, name, port }: Named): Promise<Reached> {
  const stored = await resources.of(pods).storage.get({ namespace, name });
  if (!stored) throw notFound(pods.groupResource, name);
  const { spec, status } = stored.object as Pod;
  const host = status.podIP ?? '';
  if (!isReachable(host)) throw badRequest('address not allowed');
  const first = spec.containers.flatMap((container) => container.ports ?? [])[0]?.containerPort;
  return { scheme: scheme || 'http', host, port: portNumber(port) ?? first ?? DEFAULT_PORTS[scheme || 'http'] };
}

async function reachService(context: ApiContext, { namespace }: ResourceRequestInfo, { scheme, name, port }: Named): Promise<Reached> {
  return { scheme: scheme || 'http', ...(await addressOfService(context, { namespace: namespace!, name, port })) };
}

/** The kubelet itself by its own port, which knows us; any other port by whatever listens there. */
async function reachNode(context: ApiContext, _info: ResourceRequestInfo, { scheme, name, port }: Named): Promise<Reached> {
  const kubelet = await kubeletAddress(context, name);
  const wanted = portNumber(port);
  if (wanted !== undefined && wanted !== kubelet.port) return { scheme: scheme || 'http', host: kubelet.host, port: wanted };
  return { scheme: 'https', ...kubelet, tls: context.options.kubeletClient };
}

function portNumber(text: string): number | undefined {
  if (text === '') return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw badRequest(`invalid port ${JSON.stringify(text)}`);
  return port;
}

/** Not the API server's own loopback, nor the link-local addresses by which clouds tell machines their secrets. */
function isReachable(address: string): boolean {
  if (isIP(address) === 4) return !/^(127\.|169\.254\.|0\.|22[4-9]\.|23\d\.)/.test(address);
  return isIP(address) === 6 && !/^(::1$|::$|fe[89ab]|ff)/i.test(address);
}

const prefixOf = ({ path, proxyPath }: ResourceRequestInfo) => path.slice(0, path.length - proxyPath!.length);

/** A redirect within the server behind the proxy is one within its place here. */
function rewrite(location: string, host: string, port: number, prefix: string): string {
  const absolute = /^https?:\/\/([^/]+)(\/.*)?$/i.exec(location);
  if (absolute && absolute[1] !== host && absolute[1] !== `${host}:${port}`) return location;
  const path = absolute ? (absolute[2] ?? '/') : location;
  return path.startsWith('/') && !path.startsWith('//') && !path.startsWith(`${prefix}/`) ? prefix + path : path;
}
