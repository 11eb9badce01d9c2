// Services: what is refused, what an update keeps of what was allocated, and their row in kubectl get.
import { describe, expect, it } from 'vitest';
import { services } from '../../../src/kinds/core/service.js';
import { created, errorsOf, headingsOf, rowOf, updateErrorsOf } from './objects.js';

const service = (spec: object = {}) => ({ metadata: { name: 'web' }, spec: { ports: [{ port: 80 }], ...spec } });

describe('creating a Service', () => {
  it.each([
    ['a ClusterIP', service()],
    ['a NodePort', service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] })],
    ['a headless one without ports', service({ clusterIP: 'None', ports: [] })],
    ['a name of elsewhere', { metadata: { name: 'web' }, spec: { type: 'ExternalName', externalName: 'example.com.' } }],
    [
      'a port for each protocol',
      service({
        ports: [
          { name: 'a', port: 53 },
          { name: 'b', port: 53, protocol: 'UDP' },
        ],
      }),
    ],
  ])('takes %s', (_name, draft) => {
    expect(errorsOf(services, draft)).toEqual([]);
  });

  it.each([
    ['no port', service({ ports: [] }), 'spec.ports: Required value'],
    [
      'port 0',
      service({ ports: [{ port: 0, targetPort: 80 }] }),
      'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
    [
      'a port beyond the last',
      service({ ports: [{ port: 65_536, targetPort: 80 }] }),
      'spec.ports[0].port: Invalid value: 65536: must be between 1 and 65535, inclusive',
    ],
    ['several ports without names', service({ ports: [{ port: 80, name: 'http' }, { port: 81 }] }), 'spec.ports[1].name: Required value'],
    [
      'the same port twice',
      service({
        ports: [
          { port: 80, name: 'a' },
          { port: 80, name: 'b' },
        ],
      }),
      'spec.ports[1]: Duplicate value: {"protocol":"TCP","port":80}',
    ],
    [
      'a node port on a ClusterIP',
      service({ ports: [{ port: 80, nodePort: 30_080 }] }),
      "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
    ],
    [
      'an unknown type',
      service({ type: 'Nodeport' }),
      'spec.type: Unsupported value: "Nodeport": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
    [
      'a headless NodePort',
      service({ type: 'NodePort', clusterIP: 'None' }),
      'spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services',
    ],
    [
      'an address that is none',
      service({ clusterIP: '10.96.0' }),
      'spec.clusterIPs[0]: Invalid value: "10.96.0": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    [
      'an external policy inside',
      service({ externalTrafficPolicy: 'Local' }),
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ],
    ['ExternalName without a name', service({ type: 'ExternalName' }), 'spec.externalName: Required value'],
    [
      'a bad selector',
      service({ selector: { '-': 'x' } }),
      expect.stringContaining('spec.selector: Invalid value: "-": name part must consist of'),
    ],
  ])('refuses %s', (_name, draft, error) => {
    const errors = errorsOf(services, draft);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toEqual(error);
  });

  it('must have a name that starts with a letter', () => {
    const [error] = errorsOf(services, { ...service(), metadata: { name: '1web' } });
    expect(error).toMatch(/^metadata\.name: Invalid value: "1web": a DNS-1035 label must consist of/);
  });
});

describe('how far a Service reaches', () => {
  const balanced = (spec: object) => service({ type: 'LoadBalancer', ...spec });
  it.each([
    [balanced({ loadBalancerSourceRanges: ['10.0.0.0/8'], loadBalancerClass: 'example.com/lb', externalTrafficPolicy: 'Local' }), []],
    [service({ trafficDistribution: 'PreferSameZone', ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' }), []],
    [
      balanced({ loadBalancerSourceRanges: ['10.0.0.0'] }),
      ['spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'],
    ],
    [
      service({ loadBalancerSourceRanges: ['10.0.0.0/8'], allocateLoadBalancerNodePorts: true, loadBalancerClass: 'a' }),
      [
        "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
        "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
        "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
      ],
    ],
    [
      service({ healthCheckNodePort: 30_100 }),
      [
        "spec.healthCheckNodePort: Invalid value: 30100: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ],
    ],
    [
      service({ trafficDistribution: 'Anywhere' }),
      ['spec.trafficDistribution: Unsupported value: "Anywhere": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"'],
    ],
    [
      service({ ipFamilies: ['IPv4', 'IPv4', 'IPX'], ipFamilyPolicy: 'Any' }),
      [
        'spec.ipFamilies[1]: Duplicate value: "IPv4"',
        'spec.ipFamilies[2]: Unsupported value: "IPX": supported values: "IPv4", "IPv6"',
        'spec.ipFamilyPolicy: Unsupported value: "Any": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"',
      ],
    ],
    [
      service({ ports: [{ port: 80, appProtocol: 'a b' }] }),
      [expect.stringMatching(/^spec\.ports\[0\]\.appProtocol: Invalid value: "a b": name part/)],
    ],
  ])('%j gets the errors %j', (draft, errors) => {
    expect(errorsOf(services, draft)).toEqual(errors);
  });

  it('keeps the class of its load balancer', () => {
    expect(updateErrorsOf(services, balanced({ loadBalancerClass: 'a' }), balanced({ loadBalancerClass: 'b' }))).toEqual([
      'spec.loadBalancerClass: Invalid value: "b": may not change once set',
    ]);
  });
});

describe('changing a Service', () => {
  const stored = service({
    type: 'NodePort',
    clusterIP: '10.96.0.20',
    clusterIPs: ['10.96.0.20'],
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    ports: [{ port: 80, nodePort: 30_080 }],
  });
  const changed = (spec: object) => {
    const old = created(services, stored);
    const object = created(services, service(spec));
    services.prepareForUpdate?.(object, old as never);
    return object.spec;
  };

  it('keeps its addresses and node ports where the client leaves them out', () => {
    expect(changed({ type: 'NodePort', ports: [{ port: 80, targetPort: 8080 }] })).toMatchObject({
      clusterIP: '10.96.0.20',
      clusterIPs: ['10.96.0.20'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ port: 80, targetPort: 8080, nodePort: 30_080 }],
    });
  });

  it('gives its node ports up when its type becomes ClusterIP, and all of them as ExternalName', () => {
    const inner = changed({ ...stored.spec, type: 'ClusterIP', externalTrafficPolicy: 'Cluster' });
    expect(inner.ports?.[0]).not.toHaveProperty('nodePort');
    expect(inner).not.toHaveProperty('externalTrafficPolicy');
    const outer = changed({ ...stored.spec, type: 'ExternalName', externalName: 'example.com', ports: [{ port: 80, nodePort: 30_080 }] });
    expect(outer).not.toHaveProperty('clusterIP');
    expect(outer).not.toHaveProperty('ipFamilies');
  });

  it.each([
    ['alone', {}],
    ['as a patch of the one field leaves it', { clusterIPs: ['10.96.0.20'] }],
  ])('may not move to another address, given %s', (_how, rest) => {
    expect(updateErrorsOf(services, stored, service({ type: 'NodePort', clusterIP: '10.96.0.21', ...rest }))).toEqual([
      'spec.clusterIPs[0]: Invalid value: ["10.96.0.21"]: may not change once set',
    ]);
  });
});

describe('kubectl get services', () => {
  it('shows addresses, ports and, with -o wide, the selector', () => {
    const nodePort = created(
      services,
      service({
        type: 'NodePort',
        clusterIPs: ['10.96.0.20'],
        selector: { tier: 'web', app: 'myapp' },
        ports: [
          { name: 'http', port: 80, nodePort: 30_008 },
          { name: 'dns', port: 53, protocol: 'UDP' },
        ],
      }),
    );
    expect(headingsOf(services, true)).toEqual(['NAME', 'TYPE', 'CLUSTER-IP', 'EXTERNAL-IP', 'PORT(S)', 'AGE', 'SELECTOR']);
    expect(rowOf(services, nodePort, true)).toEqual([
      ...['web', 'NodePort', '10.96.0.20', '<none>', '80:30008/TCP,53/UDP', '24h', 'app=myapp,tier=web'],
    ]);
  });

  it.each([
    [service({ clusterIPs: ['None'], ports: [] }), ['ClusterIP', 'None', '<none>', '<none>']],
    [service({ type: 'LoadBalancer', clusterIPs: ['10.96.0.3'] }), ['LoadBalancer', '10.96.0.3', '<pending>', '80/TCP']],
    [service({ type: 'ExternalName', externalName: 'db.example.com', ports: [] }), ['ExternalName', '<none>', 'db.example.com', '<none>']],
    [service({ clusterIPs: ['10.96.0.3'], externalIPs: ['192.0.2.1'] }), ['ClusterIP', '10.96.0.3', '192.0.2.1', '80/TCP']],
  ])('shows %o', (draft, cells) => {
    expect(rowOf(services, created(services, draft)).slice(1, 5)).toEqual(cells);
  });
});
