// Cluster IPs and node ports over several API servers, restarts and damage: none is given twice, none is lost.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Backend, prefixEnd } from '../../../src/etcd/backend.js';
import { events } from '../../../src/kinds/core/event.js';
import { services } from '../../../src/kinds/core/service.js';
import { ipAddresses } from '../../../src/kinds/networking/ipaddress.js';
import { serviceCidrs } from '../../../src/kinds/networking/servicecidr.js';
import type { Service } from '../../../src/kinds/types/core_v1.js';
import { sharedBackend, startTestServer, type TestServer } from '../../suites/apiserver.js';

/** 62 addresses, two of which are the cluster's own. */
const RANGES = { serviceCidr: '10.96.0.0/26', nodePorts: { min: 30000, max: 30099 } };
const FREE_IPS = 60;
const CLAIMS = '/registry/ranges/';

let backend: Backend;
let servers: TestServer[];

beforeEach(async () => {
  backend = await sharedBackend();
  servers = [await startTestServer({ backend, ...RANGES })];
});
afterEach(async () => {
  for (const server of servers) await server.stop();
});

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
  const shown = (await servers[0]!.client.list(ipAddresses)).items.map(({ metadata, spec }) => [metadata.name, spec.parentRef]);
  const parents = items.flatMap(({ metadata: { namespace, name }, spec }) =>
    spec.clusterIP && spec.clusterIP !== 'None' ? [[spec.clusterIP, { resource: 'services', namespace, name }] as const] : [],
  );
  const byAddress = (a: readonly unknown[], b: readonly unknown[]) => (String(a[0]) < String(b[0]) ? -1 : 1);
  expect(shown.sort(byAddress)).toEqual([...parents].sort(byAddress));
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
  const made = await make(servers[0]!, 's', { type: 'NodePort', clusterIP: '10.96.0.54' });
  const again = await another();
  expect((await again.client.get(services, made.metadata)).spec).toEqual(made.spec);
  await expect(make(again, 'other', { clusterIP: made.spec.clusterIP })).rejects.toThrow('provided IP is already allocated');
  await expectConsistent();
});

it('a start repairs claims that were lost, and lets go of those that nobody holds', async () => {
  const made = await make(servers[0]!, 's', { type: 'NodePort', clusterIP: '10.96.0.54' });
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
  expect(await servers[0]!.client.get(serviceCidrs, { name: 'kubernetes' })).toMatchObject({
    spec: { cidrs: [RANGES.serviceCidr] },
    status: { conditions: [{ type: 'Ready', status: 'True', message: 'Kubernetes default Service CIDR is ready' }] },
  });
});

describe('what shows that an address is taken', () => {
  it('says by whom', async () => {
    const { spec } = await make(servers[0]!, 's');
    const address = await servers[0]!.client.get(ipAddresses, { name: spec.clusterIP! });
    expect(address).toMatchObject({
      metadata: {
        labels: { 'ipaddress.kubernetes.io/ip-family': 'IPv4', 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' },
        uid: expect.any(String),
        creationTimestamp: expect.any(String),
      },
      spec: { parentRef: { resource: 'services', namespace: 'default', name: 's' } },
    });
  });

  it('stays as long as the Service has it, whoever deletes it', async () => {
    const { client } = servers[0]!;
    const { metadata, spec } = await make(servers[0]!, 's');
    const name = { name: spec.clusterIP! };
    await client.delete(ipAddresses, name);
    expect((await client.get(ipAddresses, name)).metadata.deletionTimestamp).toBeDefined();
    await client.delete(services, metadata);
    await expect(client.get(ipAddresses, name)).rejects.toThrow('not found');
    await expectConsistent();
  });

  it('keeps an address from Services where somebody else made it', async () => {
    const { client } = servers[0]!;
    const parentRef = { group: 'example.com', resource: 'gateways', namespace: 'default', name: 'g' };
    await client.create(ipAddresses, { metadata: { name: '10.96.0.20' }, spec: { parentRef } });
    await expect(make(servers[0]!, 's', { clusterIP: '10.96.0.20' })).rejects.toThrow('provided IP is already allocated');
    const made = await Promise.all(Array.from({ length: FREE_IPS - 1 }, (_, i) => make(servers[0]!, `s${i}`)));
    expect(made.map(({ spec }) => spec.clusterIP)).not.toContain('10.96.0.20');
  });

  it('is made at a start where it is missing, and goes where nobody has the address', async () => {
    const { spec } = await make(servers[0]!, 's');
    const [from, to] = [spec.clusterIP!, '10.96.0.55'].map((ip) => `/registry/networking.k8s.io/ipaddresses/${ip}`);
    const { kvs } = await backend.range({ key: from! });
    const stray = Buffer.from(Buffer.from(kvs[0]!.value).toString().replace(spec.clusterIP!, '10.96.0.55'));
    await backend.txn({
      compare: [],
      success: [
        { type: 'delete', key: from! },
        { type: 'put', key: to!, value: stray },
      ],
      failure: [],
    });
    await another();
    await expectConsistent();
  });
});

it('more ranges are used once they are ready, and only while they are', async () => {
  const { client } = servers[0]!;
  for (let i = 0; i < FREE_IPS; i++) await make(servers[0]!, `s${i}`);
  const asked = { clusterIP: '10.200.0.3' };
  await expect(make(servers[0]!, 'asked', asked)).rejects.toThrow('not in the valid range. The range of valid IPs is 10.96.0.0/26');
  await client.create(serviceCidrs, { metadata: { name: 'more' }, spec: { cidrs: ['10.200.0.0/29'] } });
  await expect(make(servers[0]!, 'late')).rejects.toThrow('range is full');
  const ready = (status: string) => ({
    status: { conditions: [{ type: 'Ready', status, reason: '', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }] },
  });
  const say = (status: string) => client.patch(serviceCidrs, { name: 'more' }, 'application/merge-patch+json', ready(status), 'status');
  await say('True');
  await expect.poll(async () => (await make(servers[0]!, 'asked', asked).catch(() => undefined))?.spec.clusterIP).toBe('10.200.0.3');
  expect((await make(servers[0]!, 'late')).spec.clusterIP).toMatch(/^10\.200\.0\.[1-6]$/);
  await expectConsistent();
  await say('False');
  await expect
    .poll(() =>
      make(servers[0]!, 'later').then(
        () => 'made',
        ({ message }: Error) => message,
      ),
    )
    .toContain('range is full');
});
