// Cluster IPs and node ports: what a Service claims, what is chosen for it, and what is refused.
import { describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../../src/apimachinery/clock.js';
import { ServiceRanges } from '../../../src/apiserver/extensions/service-ranges.js';
import { serviceClaims } from '../../../src/apiserver/extensions/services.js';
import type { Mutable } from '../../../src/kinds/define.js';
import type { Service, ServiceSpec } from '../../../src/kinds/types/core_v1.js';

function extensionOf(serviceCidr: string, nodePorts: { min: number; max: number }) {
  const ranges = new ServiceRanges(serviceCidr, () => {
    throw new Error('no other ranges are asked for');
  });
  return serviceClaims({ clock: systemClock, nodePorts }, systemRandom, ranges);
}
const extension = extensionOf('10.96.0.0/29', { min: 30000, max: 30002 });
const service = (spec: Partial<ServiceSpec>): Mutable<Service> =>
  ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace: 'n' }, spec }) as unknown as Mutable<Service>;
const allocated = (spec: Partial<ServiceSpec>, old?: Service, taken: readonly string[] = []) => {
  const draft = service(spec);
  extension.allocate!(draft, old, () => new Set(taken));
  return draft as unknown as Service;
};
const keys = (object: Service) => extension.claims!(object).map(({ key }) => key.split('/').at(-1));
const tcp = (port: number, nodePort?: number) => ({ port, protocol: 'TCP', ...(nodePort ? { nodePort } : {}) });

describe('a Service', () => {
  it('gets an address, and says of which family', () => {
    const { spec } = allocated({ type: 'ClusterIP', ports: [tcp(80)] });
    expect(spec.clusterIP).toMatch(/^10\.96\.0\.[1-6]$/);
    expect(spec).toMatchObject({ clusterIPs: [spec.clusterIP], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' });
  });

  it('gets the only address that is left, and an error when none is', () => {
    const taken = [1, 2, 3, 4, 5].map((i) => `/registry/ranges/serviceips/10.96.0.${i}`);
    expect(allocated({ type: 'ClusterIP' }, undefined, taken).spec.clusterIP).toBe('10.96.0.6');
    expect(() => allocated({ type: 'ClusterIP' }, undefined, [...taken, '/registry/ranges/serviceips/10.96.0.6'])).toThrow(/range is full/);
  });

  it('that is headless or a name elsewhere claims nothing', () => {
    expect(keys(allocated({ type: 'ClusterIP', clusterIP: 'None' }))).toEqual([]);
    const external = allocated({ type: 'ExternalName', externalName: 'example.com', clusterIP: '10.96.0.3' });
    expect(external.spec.clusterIP).toBeUndefined();
    expect(keys(external)).toEqual([]);
  });

  it('gets different node ports for its ports, one for the same port over TCP and UDP', () => {
    const { spec } = allocated({ type: 'NodePort', ports: [tcp(80), tcp(443), { port: 80, protocol: 'UDP' }] });
    const [http, https, udp] = spec.ports!.map(({ nodePort }) => nodePort);
    expect(http).not.toBe(https);
    expect(udp).toBe(http);
    expect(keys({ metadata: {}, spec: { ...spec, clusterIP: '' } } as Service)).toEqual([String(http), String(https)]);
  });

  it('runs out of node ports with a clear error', () => {
    expect(() => allocated({ type: 'NodePort', ports: [tcp(1), tcp(2), tcp(3), tcp(4)] })).toThrow(
      /failed to allocate a nodePort: range is full/,
    );
  });

  it('that balances load to local endpoints gets a port for health checks, which goes when it is not needed', () => {
    const spec = (externalTrafficPolicy: 'Cluster' | 'Local') =>
      ({ type: 'LoadBalancer', externalTrafficPolicy, ports: [tcp(80)] }) as const;
    const made = allocated(spec('Local'));
    expect(made.spec.healthCheckNodePort).toBeGreaterThanOrEqual(30000);
    expect(made.spec.healthCheckNodePort).not.toBe(made.spec.ports![0]!.nodePort);
    expect(keys(made)).toContain(String(made.spec.healthCheckNodePort));
    expect(allocated(spec('Local'), made).spec.healthCheckNodePort).toBe(made.spec.healthCheckNodePort);
    expect(allocated(spec('Cluster')).spec.healthCheckNodePort).toBeUndefined();
  });

  it('is given a number from the upper part of the range as long as there is one, so that the lower is left to those who ask', () => {
    const large = extensionOf('10.0.0.0/24', { min: 30000, max: 32767 });
    const made = (taken: readonly string[]) => {
      const draft = service({ type: 'NodePort', ports: [tcp(80)] });
      large.allocate!(draft, undefined, () => new Set(taken));
      return draft.spec;
    };
    const last = (ip: string | undefined) => Number(ip!.split('.')[3]);
    const upperIps = Array.from({ length: 255 - 16 }, (_, i) => `/registry/ranges/serviceips/10.0.0.${i + 17}`);
    const upperPorts = Array.from({ length: 2768 - 86 }, (_, i) => `/registry/ranges/servicenodeports/${30086 + i}`);
    for (let i = 0; i < 200; i++) {
      const { clusterIP, ports } = made([]);
      expect(last(clusterIP)).toBeGreaterThan(16);
      expect(ports![0]!.nodePort).toBeGreaterThanOrEqual(30086);
    }
    const { clusterIP, ports } = made([...upperIps, ...upperPorts]);
    expect(last(clusterIP)).toBe(1);
    expect(ports![0]!.nodePort).toBe(30000);
  });

  it('keeps what it was given when an update leaves it out, and lets go of node ports with their type', () => {
    const old = allocated({ type: 'NodePort', ports: [tcp(80, 30001)] });
    const same = allocated({ type: 'NodePort', ports: [tcp(80)] }, old);
    expect(same.spec).toMatchObject({ clusterIP: old.spec.clusterIP, ports: [{ port: 80, nodePort: 30001 }] });
    const plain = allocated({ ...(old.spec as ServiceSpec), type: 'ClusterIP', ports: [tcp(80, 30001)] }, old);
    expect(plain.spec.ports![0]!.nodePort).toBeUndefined();
  });

  it('is told in upstream’s words what is out of range', () => {
    const errors = extension.validateClaims!(
      service({ type: 'NodePort', clusterIP: '10.96.0.9', ports: [tcp(80, 80)] }) as Service,
      undefined,
    );
    expect(errors.map(({ field, message }) => `${field}: ${message}`)).toEqual([
      'spec.clusterIPs: Invalid value: ["10.96.0.9"]: failed to allocate IP 10.96.0.9: the provided IP (10.96.0.9) is not in the valid range. The range of valid IPs is 10.96.0.0/29',
      'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-30002',
    ]);
  });
});
