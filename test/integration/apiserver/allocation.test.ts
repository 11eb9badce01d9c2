// Cluster IPs and node ports over several API servers, restarts and damage: none is given twice, none is lost.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/apimachinery/clock.js';
import { type Backend, prefixEnd } from '../../../src/etcd/backend.js';
import { createMemoryBackend } from '../../../src/etcd/memory.js';
import { events } from '../../../src/kinds/core/event.js';
import { services } from '../../../src/kinds/core/service.js';
import { serviceCidrs } from '../../../src/kinds/networking/servicecidr.js';
import type { Service } from '../../../src/kinds/types/core_v1.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';

/** 62 addresses, two of which are the cluster's own. */
const RANGES = { serviceCidr: '10.96.0.0/26', nodePorts: { min: 30000, max: 30099 } };
const FREE_IPS = 60;
const CLAIMS = '/registry/ranges/';

let backend: Backend;
let servers: TestServer[];

beforeEach(async () => {
  const store = await createMemoryBackend({ clock: systemClock });
  // Each server stops with its store; this one is stopped at the end.
  backend = Object.assign(Object.create(store), bound(store), { close: async () => {} });
  servers = [await startTestServer({ backend, ...RANGES })];
});
afterEach(async () => {
  for (const server of servers) await server.stop();
});

/** The store's methods, for objects that only look like it. */
function bound(store: Backend): Backend {
  const names = [
    'range',
    'txn',
    'watch',
    'compact',
    'leaseGrant',
    'leaseRevoke',
    'leaseKeepAlive',
    'leaseTimeToLive',
    'leases',
    'status',
  ] as const;
  return Object.fromEntries(names.map((name) => [name, (store[name] as (...args: never[]) => unknown).bind(store)])) as unknown as Backend;
}

const another = async () => {
  const server = await startTestServer({ backend, ...RANGES });
  servers.push(server);
  return server;
};
const make = ({ client }: TestServer, name: string, spec: object = {}) =>
  client.create(services, { metadata: { namespace: 'default', name }, spec: { ports: [{ port: 80 }], ...spec } } as never);
const nodePortsOf = (all: readonly Service[]) =>
  all.flatMap(({ spec }) => (spec.ports ?? []).map(({ nodePort }) => nodePort).filter(Boolean));
const claims = async () => (await backend.range({ key: CLAIMS, rangeEnd: prefixEnd(CLAIMS) })).kvs;

/** Every claim has the Service that holds it, and the other way round. */
async function expectConsistent(): Promise<void> {
  const { items } = await servers[0]!.client.list(services);
  const wanted = items.flatMap(({ metadata, spec }) => {
    const holder = `/registry/services/${metadata.namespace}/${metadata.name}`;
    const ports = [...(spec.ports ?? []).map(({ nodePort }) => nodePort), spec.healthCheckNodePort].filter(Boolean);
    const ip = spec.clusterIP && spec.clusterIP !== 'None' ? [`serviceips/${spec.clusterIP}`] : [];
    return [...ip, ...new Set(ports.map((port) => `servicenodeports/${port}`))].map((key) => `${CLAIMS}${key} ${holder}`);
  });
  const held = (await claims()).map(({ key, value }) => `${key} ${Buffer.from(value).toString()}`);
  expect(held).toEqual([...wanted].sort());
}

describe('two servers over one store', () => {
  it('give no address and no port twice, to the last of them, and give again what is let go', async () => {
    const both = [servers[0]!, await another()];
    const made = await Promise.all(
      Array.from({ length: FREE_IPS }, (_, i) => make(both[i % 2]!, `s${i}`, i % 3 === 0 ? { type: 'NodePort' } : {})),
    );
    expect(new Set(made.map(({ spec }) => spec.clusterIP)).size).toBe(FREE_IPS);
    expect(new Set(nodePortsOf(made)).size).toBe(FREE_IPS / 3);
    await expectConsistent();
    await expect(make(both[1]!, 'late')).rejects.toThrow('failed to allocate a service IP: range is full');
    await both[0]!.client.delete(services, made[7]!.metadata);
    expect((await make(both[1]!, 'late')).spec.clusterIP).toBe(made[7]!.spec.clusterIP);
    await expectConsistent();
  });

  it('give one that is asked for to one of those who ask', async () => {
    const both = [servers[0]!, await another()];
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) =>
        make(both[i % 2]!, `s${i}`, { type: 'NodePort', clusterIP: '10.96.0.9', ports: [{ port: 80, nodePort: 30007 }] }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expectConsistent();
  });
});

it('what a Service holds goes with its type, and comes with it', async () => {
  const { client } = servers[0]!;
  const { metadata } = await make(servers[0]!, 's', { type: 'NodePort' });
  const patch = (spec: object) => client.patch(services, metadata, 'application/merge-patch+json', { spec });
  await patch({ type: 'ExternalName', externalName: 'example.com', clusterIP: null, clusterIPs: null });
  await expectConsistent();
  expect((await claims()).some(({ value }) => Buffer.from(value).toString().endsWith('/s'))).toBe(false);
  const { spec } = await patch({ type: 'LoadBalancer', externalName: null, externalTrafficPolicy: 'Local' });
  expect(spec.healthCheckNodePort).toBeGreaterThan(0);
  await expectConsistent();
  await patch({ externalTrafficPolicy: 'Cluster' });
  await patch({ type: 'ClusterIP' });
  await expectConsistent();
});

it('a restart finds what was given as it was', async () => {
  const made = await make(servers[0]!, 's', { type: 'NodePort' });
  const again = await another();
  expect((await again.client.get(services, made.metadata)).spec).toEqual(made.spec);
  await expect(make(again, 'other', { clusterIP: made.spec.clusterIP })).rejects.toThrow('provided IP is already allocated');
  await expectConsistent();
});

it('a start repairs claims that were lost, and lets go of those that nobody holds', async () => {
  const made = await make(servers[0]!, 's', { type: 'NodePort' });
  const port = `${CLAIMS}servicenodeports/${made.spec.ports![0]!.nodePort}`;
  await backend.txn({
    compare: [],
    success: [
      { type: 'delete', key: `${CLAIMS}serviceips/${made.spec.clusterIP}` },
      { type: 'put', key: port, value: Buffer.from('/registry/services/default/gone') },
      { type: 'put', key: `${CLAIMS}serviceips/10.96.0.55`, value: Buffer.from('/registry/services/default/gone') },
    ],
    failure: [],
  });
  const again = await another();
  await expectConsistent();
  const reasons = async () => (await again.client.list(events)).items.map(({ reason }) => reason).sort();
  await expect.poll(reasons).toEqual(['ClusterIPNotAllocated', 'PortNotAllocated']);
});

it('a start tells of two Services that hold the same, and leaves both as they are', async () => {
  const first = await make(servers[0]!, 'first');
  const { metadata } = await make(servers[0]!, 'second');
  const key = `/registry/services/default/second`;
  const { kvs } = await backend.range({ key });
  const second = JSON.parse(Buffer.from(kvs[0]!.value).toString()) as { spec: { clusterIP: string; clusterIPs: string[] } };
  Object.assign(second.spec, { clusterIP: first.spec.clusterIP, clusterIPs: [first.spec.clusterIP] });
  await backend.txn({ compare: [], success: [{ type: 'put', key, value: Buffer.from(JSON.stringify(second)) }], failure: [] });
  const again = await another();
  const told = async () => (await again.client.list(events)).items.map(({ reason, involvedObject }) => `${involvedObject.name} ${reason}`);
  await expect.poll(told).toEqual(['second ClusterIPAlreadyAllocated']);
  expect((await again.client.get(services, metadata)).spec.clusterIP).toBe(first.spec.clusterIP);
});

it('the range is there to be seen', async () => {
  expect((await servers[0]!.client.get(serviceCidrs, { name: 'kubernetes' })).spec.cidrs).toEqual([RANGES.serviceCidr]);
});
