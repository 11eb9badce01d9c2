// What pods get when they ask for names of the cluster.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createClusterView } from '../../../../agent/dns/cluster-view.js';
import { answer } from '../../../../agent/dns/records.js';
import { parseCidr } from '../../../../src/apimachinery/cidr.js';
import { namespaces } from '../../../../src/kinds/core/namespace.js';
import { services } from '../../../../src/kinds/core/service.js';
import { endpointSlices } from '../../../../src/kinds/discovery/endpointslice.js';
import { FakeInformers } from '../fake-informers.js';
import { namespace, service, slice } from '../objects.js';

const http = [{ name: 'http', protocol: 'TCP', port: 80 }];
const informers = new FakeInformers();
const view = createClusterView(informers, {
  domain: 'cluster.local',
  dnsIp: '10.96.0.10',
  reverseCidrs: [parseCidr('10.96.0.0/12')!, parseCidr('10.244.0.0/16')!],
});
for (const name of ['default', 'dev']) informers.set(namespaces, namespace(name));
informers.set(services, service('db-service', { clusterIP: '10.96.7.7', ports: http }, 'dev'));
informers.set(services, service('peers', { clusterIP: 'None', ports: http }));
informers.set(services, service('empty', { clusterIP: 'None', ports: http }));
informers.set(services, service('inside', { type: 'ExternalName', externalName: 'db-service.dev.svc.cluster.local' }));
informers.set(services, service('outside', { type: 'ExternalName', externalName: 'Example.COM.' }));
informers.set(services, service('circle', { type: 'ExternalName', externalName: 'circle.default.svc.cluster.local' }));
informers.set(services, service('numbered', { type: 'ExternalName', externalName: '192.0.2.7' }));
informers.set(services, service('both', { clusterIP: '10.96.7.8', clusterIPs: ['10.96.7.8', 'fd00:96::8'], ports: http }));
informers.set(endpointSlices, slice('both', [{ ip: '192.0.2.9', hostname: 'outside-0' }], [{ name: 'http', protocol: 'TCP', port: 81 }]));
informers.set(services, service('six', { clusterIP: 'None', ports: http }));
informers.set(endpointSlices, { ...slice('six', [{ ip: 'fd00::5' }]), addressType: 'IPv6' });
informers.set(
  endpointSlices,
  slice(
    'peers',
    [{ ip: '10.244.0.5', hostname: 'peer-0' }, { ip: '10.244.1.6' }, { ip: '10.244.1.7', ready: false }],
    [{ name: 'http', protocol: 'TCP', port: 8080 }],
  ),
);

/** `RCODE TYPE data, TYPE data`, `-> name` where the question goes on elsewhere; `not ours` where it is another's. */
function ask(name: string, type = 'A'): string {
  const reply = answer({ name, type }, view);
  if (!reply) return 'not ours';
  const data = (value: unknown) =>
    typeof value === 'object' ? (({ port, target }) => `${port} ${target}`)(value as { port: number; target: string }) : value;
  const records = reply.answers.map((record) => `${record.type} ${data((record as { data?: unknown }).data)}`);
  return [reply.rcode, records.join(', '), reply.continueAt ? `-> ${reply.continueAt}` : ''].filter(Boolean).join(' ');
}

describe('names of the cluster', () => {
  it.each([
    ['a Service', 'db-service.dev.svc.cluster.local', 'A', 'NOERROR A 10.96.7.7'],
    ['in any case, with or without the dot', 'DB-Service.dev.SVC.cluster.local.', 'A', 'NOERROR A 10.96.7.7'],
    ['its IPv6 address: none, but the name is there', 'db-service.dev.svc.cluster.local', 'AAAA', 'NOERROR'],
    ['its port', '_http._tcp.db-service.dev.svc.cluster.local', 'SRV', 'NOERROR SRV 80 db-service.dev.svc.cluster.local'],
    ['a port it does not have', '_ftp._tcp.db-service.dev.svc.cluster.local', 'SRV', 'NXDOMAIN'],
    ['a Service of another namespace', 'db-service.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['a namespace that is not there', 'x.nowhere.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['a namespace', 'dev.svc.cluster.local', 'A', 'NOERROR'],
    ['a domain met by the search list', 'example.com.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['a headless Service: its ready pods', 'peers.default.svc.cluster.local', 'A', 'NOERROR A 10.244.0.5, A 10.244.1.6'],
    ['a pod of it by host name', 'peer-0.peers.default.svc.cluster.local', 'A', 'NOERROR A 10.244.0.5'],
    ['a pod of it by address', '10-244-1-6.peers.default.svc.cluster.local', 'A', 'NOERROR A 10.244.1.6'],
    ['a pod of it that is not ready', '10-244-1-7.peers.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    [
      'the ports of its pods',
      '_http._tcp.peers.default.svc.cluster.local',
      'SRV',
      'NOERROR SRV 8080 peer-0.peers.default.svc.cluster.local, SRV 8080 10-244-1-6.peers.default.svc.cluster.local',
    ],
    ['its IPv6 addresses beside the others', 'both.default.svc.cluster.local', 'AAAA', 'NOERROR AAAA fd00:96::8'],
    ['and by type', 'both.default.svc.cluster.local', 'A', 'NOERROR A 10.96.7.8'],
    ['an endpoint of a Service that has an address', 'outside-0.both.default.svc.cluster.local', 'A', 'NOERROR A 192.0.2.9'],
    ['a headless Service of IPv6 addresses', 'six.default.svc.cluster.local', 'AAAA', 'NOERROR AAAA fd00::5'],
    ['a pod of it by address', 'fd00--5.six.default.svc.cluster.local', 'AAAA', 'NOERROR AAAA fd00::5'],
    ['a pod by its IPv6 address', 'fd00--7.default.pod.cluster.local', 'AAAA', 'NOERROR AAAA fd00::7'],
    ['an ExternalName that is an address', 'numbered.default.svc.cluster.local', 'A', 'NOERROR A 192.0.2.7'],
    ['the name server of the domain', 'cluster.local', 'NS', 'NOERROR NS ns.dns.cluster.local'],
    ['its address', 'ns.dns.cluster.local', 'A', 'NOERROR A 10.96.0.10'],
    ['a headless Service without pods', 'empty.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['a pod by its address', '10-244-3-4.default.pod.cluster.local', 'A', 'NOERROR A 10.244.3.4'],
    ['no pod', 'nginx.default.pod.cluster.local', 'A', 'NXDOMAIN'],
    ['an ExternalName inside', 'inside.default.svc.cluster.local', 'A', 'NOERROR CNAME db-service.dev.svc.cluster.local, A 10.96.7.7'],
    ['an ExternalName outside', 'outside.default.svc.cluster.local', 'A', 'NOERROR CNAME example.com -> example.com'],
    ['an ExternalName that leads to itself', 'circle.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['a cluster IP', '7.7.96.10.in-addr.arpa', 'PTR', 'NOERROR PTR db-service.dev.svc.cluster.local'],
    ['a pod of a headless Service', '5.0.244.10.in-addr.arpa', 'PTR', 'NOERROR PTR peer-0.peers.default.svc.cluster.local'],
    ['an IPv6 pod of one', `5${'.0'.repeat(27)}.0.0.d.f.ip6.arpa`, 'PTR', 'NOERROR PTR fd00--5.six.default.svc.cluster.local'],
    ['an IPv6 address that nobody has', `6${'.0'.repeat(27)}.0.0.d.f.ip6.arpa`, 'PTR', 'not ours'],
    ['an address of the cluster that nobody has', '9.9.244.10.in-addr.arpa', 'PTR', 'NXDOMAIN'],
    ['an address elsewhere', '8.8.8.8.in-addr.arpa', 'PTR', 'not ours'],
    ['a name elsewhere', 'example.com', 'A', 'not ours'],
    ['a name that only ends alike', 'notcluster.local', 'A', 'not ours'],
    ['the version of the schema', 'dns-version.cluster.local', 'TXT', 'NOERROR TXT 1.1.0'],
  ])('%s', (_what, name, type, expected) => {
    expect(ask(name, type)).toBe(expected);
  });

  it('says with every "no" how long it may be believed', () => {
    for (const name of ['x.default.svc.cluster.local', 'dev.svc.cluster.local']) {
      const [soa] = answer({ name, type: 'A' }, view)!.authorities;
      expect(soa).toMatchObject({ type: 'SOA', name: 'cluster.local', ttl: 5 });
    }
  });

  it('has an answer for any name at all', () => {
    const label = fc.oneof(
      fc.constantFrom('svc', 'pod', 'default', 'peers', 'peer-0', '_http', '_tcp', '', '__proto__', 'outside'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(label), fc.constantFrom('A', 'AAAA', 'SRV', 'PTR', 'TXT', 'CNAME', 'ANY', 'SOA'), (labels, type) => {
        expect(answer({ name: [...labels, 'cluster', 'local'].join('.'), type }, view)!.rcode).toMatch(/NOERROR|NXDOMAIN/);
      }),
    );
  });
});
