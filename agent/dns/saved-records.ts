// What names the cluster had, kept in a file: an agent that starts while the control plane is away answers from it until it knows better.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Timer } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { Informers } from '../../src/client/informer.js';
import { namespaces } from '../../src/kinds/core/namespace.js';
import { services } from '../../src/kinds/core/service.js';
import { endpointSlices } from '../../src/kinds/discovery/endpointslice.js';
import type { Service } from '../../src/kinds/types/core_v1.js';
import type { EndpointSlice } from '../../src/kinds/types/discovery_v1.js';
import { LABEL_SERVICE_NAME } from '../../src/kinds/wellknown.js';
import type { Zone } from './cluster-view.js';
import type { ClusterView } from './records.js';

/** How old what is kept may be; 5,000 Services are some 20 ms of work. */
const SAVE_INTERVAL_MS = 10_000;

interface Saved {
  readonly namespaces: readonly string[];
  readonly services: readonly Service[];
  /** Those of headless Services: only their names depend on endpoints. */
  readonly slices: readonly EndpointSlice[];
}

/** Undefined where nothing usable has been kept. */
export async function readRecords(path: string, zone: Zone): Promise<ClusterView | undefined> {
  try {
    return viewOf(JSON.parse(await readFile(path, 'utf8')) as Saved, zone);
  } catch {
    // None yet, or cut off: then names are known as soon as the API server is.
    return undefined;
  }
}

function viewOf(saved: Saved, zone: Zone): ClusterView {
  const named = new Map(saved.services.map((service) => [`${service.metadata.namespace}/${service.metadata.name}`, service]));
  const byIp = new Map(saved.services.flatMap((service) => (service.spec.clusterIP ? [[service.spec.clusterIP, service]] : [])));
  const known = new Set(saved.namespaces);
  const slicesOf = (key: string) => saved.slices.filter((slice) => serviceOf(slice) === key);
  return {
    ...zone,
    service: (namespace, name) => named.get(`${namespace}/${name}`),
    serviceByIp: (ip) => (ip === 'None' ? undefined : byIp.get(ip)),
    slices: (namespace, service) => slicesOf(`${namespace}/${service}`),
    slicesByIp: (ip) => saved.slices.filter(({ endpoints }) => endpoints.some(({ addresses }) => addresses.includes(ip))),
    hasNamespace: (name) => known.has(name),
  };
}

const serviceOf = ({ metadata }: EndpointSlice) => `${metadata.namespace}/${metadata.labels?.[LABEL_SERVICE_NAME]}`;

export interface RecordKeeper {
  /** Writes what has not been written yet. */
  stop(): Promise<void>;
}

/** Follows the caches; a file that cannot be written is only told of. */
export function keepRecords(
  path: string,
  options: { readonly informers: Informers; readonly clock: Clock; readonly log: Logger },
): RecordKeeper {
  const { informers, clock, log } = options;
  const caches = [informers.of(services), informers.of(endpointSlices), informers.of(namespaces)];
  let timer: Timer | undefined;
  let written: Promise<void> = Promise.resolve();
  const write = () => {
    timer = undefined;
    // A cache that is still being filled would leave out what is there.
    if (!caches.every(({ synced }) => synced)) return;
    written = written
      .then(() => save(path, informers))
      .catch((error: Error) => log.warn({ path, error: error.message }, 'names could not be kept'));
  };
  const changed = () => {
    timer ??= clock.after(SAVE_INTERVAL_MS, write);
  };
  const offs = caches.map((cache) => cache.onChange(changed));
  return {
    async stop() {
      for (const off of offs) off();
      if (timer) {
        timer.cancel();
        write();
      }
      await written;
    },
  };
}

async function save(path: string, informers: Informers): Promise<void> {
  const all = informers.of(services).list();
  const headless = new Set(
    all.filter(({ spec }) => spec.clusterIP === 'None').map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
  );
  const saved = {
    namespaces: informers
      .of(namespaces)
      .list()
      .map(({ metadata }) => metadata.name),
    services: all.map(({ metadata: { name, namespace }, spec: { type, clusterIP, clusterIPs, externalName, ports } }) => ({
      metadata: { name, namespace },
      spec: { type, clusterIP, clusterIPs, externalName, ports: ports?.map(({ name, port, protocol }) => ({ name, port, protocol })) },
    })),
    slices: informers
      .of(endpointSlices)
      .list()
      .filter((slice) => headless.has(serviceOf(slice)))
      .map(({ metadata: { name, namespace, labels }, addressType, endpoints, ports }) => ({
        metadata: { name, namespace, labels },
        addressType,
        endpoints: endpoints.map(({ addresses, hostname, conditions }) => ({ addresses, hostname, conditions })),
        ports,
      })),
  };
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.tmp`, JSON.stringify(saved));
  await rename(`${path}.tmp`, path);
}
