// Where a Service answers, for calls of the API server's own: one of its ready endpoints, since no kube-proxy need run beside the server.
import type { Random } from '../apimachinery/clock.js';
import { notFound, StatusError, serviceUnavailable } from '../apimachinery/status.js';
import { services } from '../kinds/core/service.js';
import { endpointSlices } from '../kinds/discovery/endpointslice.js';
import type { Service } from '../kinds/types/core_v1.js';
import type { EndpointSlice } from '../kinds/types/discovery_v1.js';
import { LABEL_SERVICE_NAME } from '../kinds/wellknown.js';
import type { Resources } from './resources.js';

export interface ServiceReference {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Throws StatusError, in upstream's words: 404 for the Service, 503 where no endpoint is ready. */
export async function addressOfService(
  { resources, random }: { readonly resources: Resources; readonly random: Random },
  { namespace, name, port }: ServiceReference,
): Promise<Address> {
  const service = await find(resources, namespace, name);
  if (service.spec.type === 'ExternalName') return { host: service.spec.externalName!, port };
  const servicePort = service.spec.ports?.find((each) => each.port === port);
  if (!servicePort) throw serviceUnavailable(`no service port ${port} found for service ${JSON.stringify(name)}`);
  const addresses = (await slicesOf(resources, namespace, name)).flatMap((slice) => readyAddresses(slice, servicePort.name ?? ''));
  if (addresses.length === 0) throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(name)}`);
  return addresses[Math.floor(random.next() * addresses.length)]!;
}

/** Throws 404. */
export async function find(resources: Resources, namespace: string, name: string): Promise<Service> {
  const { cache, storage } = resources.of(services);
  await cache.ready();
  const stored = cache.get(storage.key({ namespace, name })) ?? (await storage.get({ namespace, name }));
  if (!stored)
    throw new StatusError(404, 'NotFound', `service ${JSON.stringify(name)} not found`, notFound(services.groupResource, name).details);
  return stored.object as Service;
}

async function slicesOf(resources: Resources, namespace: string, service: string): Promise<readonly EndpointSlice[]> {
  const { cache, storage } = resources.of(endpointSlices);
  await cache.ready();
  return cache
    .list(storage.prefixOf(namespace), ({ object }) => object.metadata.labels?.[LABEL_SERVICE_NAME] === service)
    .map(({ object }) => object as EndpointSlice);
}

function readyAddresses({ endpoints, ports }: EndpointSlice, portName: string): readonly Address[] {
  const port = ports?.find(({ name }) => (name ?? '') === portName)?.port;
  if (!port) return [];
  return (endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses }) => addresses.map((host) => ({ host, port })));
}
