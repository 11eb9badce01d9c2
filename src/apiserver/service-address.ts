// Where a Service answers, for calls of the API server's own: one of its ready endpoints, since no kube-proxy need run beside the server.
import type { Random } from '../apimachinery/clock.js';
import { StatusError, serviceUnavailable } from '../apimachinery/status.js';
import { endpoints } from '../kinds/core/endpoints.js';
import { services } from '../kinds/core/service.js';
import { endpointSlices } from '../kinds/discovery/endpointslice.js';
import type { Endpoints, Service, ServicePort } from '../kinds/types/core_v1.js';
import type { EndpointSlice } from '../kinds/types/discovery_v1.js';
import { LABEL_SERVICE_NAME } from '../kinds/wellknown.js';
import type { Resources } from './resources.js';

export interface ServiceReference {
  readonly namespace: string;
  readonly name: string;
  /** A number, or for proxied requests a port's name; empty: the only one. */
  readonly port: number | string;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What of a Service keeps it from answering, by upstream's reasons. */
export type ServiceProblem = 'ServiceNotFound' | 'ServicePortError' | 'EndpointsNotFound' | 'MissingEndpoints';

export interface ServiceState {
  readonly problem?: ServiceProblem;
  readonly portName: string;
  readonly addresses: readonly Address[];
}

export async function stateOfService(resources: Resources, { namespace, name, port }: ServiceReference): Promise<ServiceState> {
  const none = { portName: '', addresses: [] };
  const service = await find(resources, namespace, name);
  if (!service) return { ...none, problem: 'ServiceNotFound' };
  if (service.spec.type === 'ExternalName') return { ...none, addresses: [{ host: service.spec.externalName!, port: Number(port) }] };
  const servicePort = portOf(service, port);
  if (!servicePort) return { ...none, problem: 'ServicePortError' };
  const portName = servicePort.name ?? '';
  const slices = await slicesOf(resources, namespace, name);
  const written = slices.length === 0 ? await endpointsOf(resources, namespace, name) : undefined;
  if (slices.length === 0 && !written) return { ...none, portName, problem: 'EndpointsNotFound' };
  const addresses = written ? addressesIn(written, portName) : slices.flatMap((slice) => readyAddresses(slice, portName));
  return { portName, addresses, ...(addresses.length === 0 ? { problem: 'MissingEndpoints' as const } : {}) };
}

/** Throws StatusError, in upstream's words: 404 for the Service, 503 where no endpoint is ready. */
export async function addressOfService(
  { resources, random }: { readonly resources: Resources; readonly random: Random },
  reference: ServiceReference,
): Promise<Address> {
  const { name, port } = reference;
  const { problem, addresses } = await stateOfService(resources, reference);
  if (problem === 'ServiceNotFound')
    throw new StatusError(404, 'NotFound', `service ${JSON.stringify(name)} not found`, { name, kind: 'service' });
  if (problem === 'ServicePortError' && Number(port))
    throw serviceUnavailable(`no service port ${port} found for service ${JSON.stringify(name)}`);
  if (problem) throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(name)}`);
  return addresses[Math.floor(random.next() * addresses.length)]!;
}

async function find(resources: Resources, namespace: string, name: string): Promise<Service | undefined> {
  const { cache, storage } = resources.of(services);
  await cache.ready();
  const stored = cache.get(storage.key({ namespace, name })) ?? (await storage.get({ namespace, name }));
  return stored?.object as Service | undefined;
}

function portOf({ spec: { ports = [] } }: Service, port: number | string): ServicePort | undefined {
  if (port === '') return ports.length === 1 ? ports[0] : undefined;
  return ports.find((each) => each.name === port) ?? ports.find((each) => each.port === Number(port));
}

async function slicesOf(resources: Resources, namespace: string, service: string): Promise<readonly EndpointSlice[]> {
  const { cache, storage } = resources.of(endpointSlices);
  await cache.ready();
  return cache
    .list(storage.prefixOf(namespace), ({ object }) => object.metadata.labels?.[LABEL_SERVICE_NAME] === service)
    .map(({ object }) => object as EndpointSlice);
}

/** Of a Service without a selector, whose endpoints somebody has written in the old form and nobody has made slices of. */
async function endpointsOf(resources: Resources, namespace: string, name: string): Promise<Endpoints | undefined> {
  return (await resources.of(endpoints).storage.get({ namespace, name }))?.object as Endpoints | undefined;
}

function addressesIn({ subsets = [] }: Endpoints, portName: string): readonly Address[] {
  return subsets.flatMap(({ addresses = [], ports = [] }) => {
    const port = ports.find(({ name }) => (name ?? '') === portName)?.port;
    return port ? addresses.map(({ ip }) => ({ host: ip, port })) : [];
  });
}

function readyAddresses({ endpoints, ports }: EndpointSlice, portName: string): readonly Address[] {
  const port = ports?.find(({ name }) => (name ?? '') === portName)?.port;
  if (!port) return [];
  const ready = (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
  return ready.flatMap(({ addresses }) => addresses.map((host) => ({ host, port })));
}
