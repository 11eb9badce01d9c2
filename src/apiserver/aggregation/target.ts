// How requests reach an aggregated API server: TLS with the front proxy's certificate, and headers that say who asks.
import { type StatusError, serviceUnavailable } from '../../apimachinery/status.js';
import type { APIService } from '../../kinds/types/apiregistration_v1.js';
import type { ApiContext } from '../context.js';
import type { ProxyTarget } from '../http/reverse-proxy.js';
import type { UserInfo } from '../options.js';
import { addressOfService, type ServiceReference } from '../service-address.js';

const DEFAULT_PORT = 443;

/** Of an APIService that has a Service. */
export function serviceOf({ spec: { service } }: APIService): ServiceReference {
  return { namespace: service!.namespace ?? '', name: service!.name ?? '', port: service!.port ?? DEFAULT_PORT };
}

/** Throws StatusError where the Service has nothing behind it. */
export async function targetFor(context: ApiContext, apiService: APIService, user: UserInfo, path: string): Promise<ProxyTarget> {
  const { caBundle, insecureSkipTLSVerify } = apiService.spec;
  const service = serviceOf(apiService);
  const servername = `${service.name}.${service.namespace}.svc`;
  const { proxyClient } = context.options;
  return {
    ...(await addressOfService(context, service)),
    path,
    authority: `${servername}:${service.port}`,
    tls: {
      servername,
      ...(caBundle ? { ca: Buffer.from(caBundle, 'base64').toString() } : {}),
      ...(insecureSkipTLSVerify ? { rejectUnauthorized: false } : {}),
      ...proxyClient,
    },
    headers: identityHeaders(user),
    unreachable: (why): StatusError => serviceUnavailable(`error trying to reach service: ${why}`),
  };
}

function identityHeaders({ name, uid, groups, extra = {} }: UserInfo): { readonly [name: string]: string | readonly string[] } {
  const extras = Object.entries(extra).map(([key, values]) => [`X-Remote-Extra-${encodeURIComponent(key)}`, values] as const);
  return { 'X-Remote-User': name, ...(uid ? { 'X-Remote-Uid': uid } : {}), 'X-Remote-Group': groups, ...Object.fromEntries(extras) };
}
