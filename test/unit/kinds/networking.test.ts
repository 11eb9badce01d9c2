// Ingresses, their classes, NetworkPolicies, IPAddresses and ServiceCIDRs: defaults, refusals in upstream's words, rows.
import { describe, expect, it } from 'vitest';
import { ingresses } from '../../../src/kinds/networking/ingress.js';
import { ingressClasses } from '../../../src/kinds/networking/ingressclass.js';
import { ipAddresses } from '../../../src/kinds/networking/ipaddress.js';
import { networkPolicies } from '../../../src/kinds/networking/networkpolicy.js';
import { serviceCidrs } from '../../../src/kinds/networking/servicecidr.js';
import { created, errorsOf, headingsOf, rowOf, statusErrorsOf, updateErrorsOf } from './objects.js';

describe('an Ingress', () => {
  const backend = { service: { name: 'web', port: { number: 80 } } };
  const path = (more: object = {}) => ({ path: '/', pathType: 'Prefix', backend, ...more });
  const rule = (more: object = {}, host = 'a.example.com') => ({ host, http: { paths: [path(more)] } });
  const ingress = (spec: object = {}, metadata: object = {}) => ({
    metadata: { name: 'web', ...metadata },
    spec: { rules: [rule()], ...spec },
  });
  const at = 'spec.rules[0].http.paths[0]';

  it.each([
    [{}, []],
    [{ rules: [rule({}, '*.example.com')], tls: [{ hosts: ['*.example.com'], secretName: 'tls' }] }, []],
    [{ rules: undefined, defaultBackend: { resource: { apiGroup: 'example.com', kind: 'Bucket', name: 'b' } } }, []],
    [{ rules: undefined }, ['spec: Invalid value: []: either `defaultBackend` or `rules` must be specified']],
    [{ rules: [rule({}, '10.0.0.1')] }, ['spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address']],
    [{ rules: [rule({ pathType: undefined })] }, [`${at}.pathType: Required value: pathType must be specified`]],
    [
      { rules: [rule({ pathType: 'Regex' })] },
      [`${at}.pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"`],
    ],
    [
      { rules: [rule({ path: 'a/../b/.' })] },
      [
        `${at}.path: Invalid value: "a/../b/.": must be an absolute path`,
        `${at}.path: Invalid value: "a/../b/.": must not contain '/../'`,
        `${at}.path: Invalid value: "a/../b/.": cannot end with '/.'`,
      ],
    ],
    [{ rules: [rule({ backend: {} })] }, [`${at}.backend: Invalid value: "": resource or service backend is required`]],
    [
      { rules: [rule({ backend: { service: { name: '', port: {} } } })] },
      [`${at}.backend.service.name: Required value`, `${at}.backend: Required value: port name or number is required`],
    ],
    [
      { rules: [rule({ backend: { service: { name: 'web', port: { name: 'http', number: 80 } } } })] },
      [`${at}.backend: Invalid value: "": cannot set both port name & port number`],
    ],
    [{ rules: [{ http: {} }] }, ['spec.rules[0].http.paths: Required value']],
  ])('with the spec %j gets the errors %j', (spec, errors) => {
    expect(errorsOf(ingresses, ingress(spec))).toEqual(errors);
  });

  it('has one class', () => {
    const annotations = { 'kubernetes.io/ingress.class': 'nginx' };
    expect(errorsOf(ingresses, ingress({ ingressClassName: 'nginx' }, { annotations }))).toEqual([]);
    expect(errorsOf(ingresses, ingress({ ingressClassName: 'other' }, { annotations }))).toEqual([
      'annotations.kubernetes.io/ingress.class: Invalid value: "nginx": must match `ingressClassName` when both are specified',
    ]);
  });

  it('is served at addresses or names', () => {
    const status = (entry: object) => ({ loadBalancer: { ingress: [entry] } });
    expect(statusErrorsOf(ingresses, ingress(), {}, status({ ip: 'x' }))).toEqual([
      'status.loadBalancer.ingress[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ]);
    expect(statusErrorsOf(ingresses, ingress(), {}, status({ hostname: '10.0.0.1' }))).toEqual([
      'status.loadBalancer.ingress[0].hostname: Invalid value: "10.0.0.1": must be a DNS name, not an IP address',
    ]);
  });

  it('is a row', () => {
    const object = created(ingresses, ingress({ rules: ['a', 'b', 'c', 'd', 'e'].map((host) => rule({}, host)), tls: [{}] }));
    const status = { loadBalancer: { ingress: [{ ip: '10.0.0.1' }, { hostname: 'lb.example.com' }] } };
    expect(headingsOf(ingresses)).toEqual(['NAME', 'CLASS', 'HOSTS', 'ADDRESS', 'PORTS', 'AGE']);
    expect(rowOf(ingresses, { ...object, status })).toEqual([
      'web',
      '<none>',
      'a,b,c + 2 more...',
      '10.0.0.1,lb.example.com',
      '80, 443',
      '24h',
    ]);
    expect(rowOf(ingresses, created(ingresses, ingress({ rules: [rule({}, '')] })))).toEqual(['web', '<none>', '*', '', '80', '24h']);
  });
});

describe('an IngressClass', () => {
  const ingressClass = (spec: object) => ({ metadata: { name: 'nginx' }, spec: { controller: 'example.com/nginx', ...spec } });
  const parameters = (more: object = {}) => ({ parameters: { apiGroup: 'example.com', kind: 'Config', name: 'c', ...more } });

  it.each([
    [{}, []],
    [parameters(), []],
    [{ controller: '' }, ['spec.controller: Required value']],
    [{ controller: 'nginx' }, ['spec.controller: Invalid value: "nginx": must be a domain-prefixed path (such as "acme.io/foo")']],
    [
      parameters({ kind: '', name: 'a/b' }),
      ['spec.parameters.kind: Required value: kind is required', 'spec.parameters.name: Invalid value: "a/b": may not contain \'/\''],
    ],
    [parameters({ scope: 'Planet' }), ['spec.parameters.scope: Unsupported value: "Planet": supported values: "Cluster", "Namespace"']],
    [parameters({ scope: 'Namespace' }), ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"]],
    [parameters({ namespace: 'a' }), ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"]],
  ])('with the spec %j gets the errors %j', (spec, errors) => {
    expect(errorsOf(ingressClasses, ingressClass(spec))).toEqual(errors);
  });

  it('keeps its controller, and is a row', () => {
    expect(updateErrorsOf(ingressClasses, ingressClass({}), ingressClass({ controller: 'b.example.com/x' }))).toEqual([
      'spec.controller: Invalid value: "b.example.com/x": field is immutable',
    ]);
    expect(headingsOf(ingressClasses)).toEqual(['NAME', 'CONTROLLER', 'PARAMETERS', 'AGE']);
    expect(rowOf(ingressClasses, created(ingressClasses, ingressClass(parameters())))).toEqual([
      'nginx',
      'example.com/nginx',
      'Config.example.com/c',
      '24h',
    ]);
  });
});

describe('a NetworkPolicy', () => {
  const policy = (spec: object = {}) => ({ metadata: { name: 'p' }, spec: { podSelector: {}, ...spec } });
  const to = (...peers: object[]) => ({ egress: [{ to: peers }] });

  it('is for ingress, and for egress if it has rules for it', () => {
    expect(created(networkPolicies, policy()).spec.policyTypes).toEqual(['Ingress']);
    const { spec } = created(networkPolicies, policy({ egress: [{ ports: [{ port: 53 }] }] }));
    expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(spec.egress?.[0]?.ports).toEqual([{ protocol: 'TCP', port: 53 }]);
  });

  it.each([
    [{ policyTypes: ['Both'] }, ['spec.policyTypes[0]: Unsupported value: "Both": supported values: "Ingress", "Egress"']],
    [
      { ingress: [{ ports: [{ port: 90, endPort: 80 }] }] },
      ['spec.ingress[0].ports[0].endPort: Invalid value: 90: must be greater than or equal to `port`'],
    ],
    [
      { ingress: [{ ports: [{ port: 'http', endPort: 80 }] }] },
      ['spec.ingress[0].ports[0].endPort: Invalid value: 80: may not be specified when `port` is non-numeric'],
    ],
    [
      { ingress: [{ ports: [{ port: 0, protocol: 'ICMP' }] }] },
      [
        'spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"',
        'spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      ],
    ],
    [to({}), ['spec.egress[0].to[0]: Required value: must specify a peer']],
    [to({ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }, { ipBlock: { cidr: 'fd00::/8', except: ['fd00:1::/64'] } }), []],
    [
      to({ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16', '10.0.0.0/8', 'fd00::/64'] } }),
      [
        'spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
        'spec.egress[0].to[0].ipBlock.except[1]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
        'spec.egress[0].to[0].ipBlock.except[2]: Invalid value: "fd00::/64": must be a strict subset of `cidr`',
      ],
    ],
    [
      to({ podSelector: {}, ipBlock: { cidr: '10.0.0.0' } }),
      [
        'spec.egress[0].to[0].ipBlock.cidr: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
        'spec.egress[0].to[0]: Forbidden: may not specify both ipBlock and another peer',
      ],
    ],
  ])('with the spec %j gets the errors %j', (spec, errors) => {
    expect(errorsOf(networkPolicies, policy(spec))).toEqual(errors);
  });

  it('is a row', () => {
    expect(headingsOf(networkPolicies)).toEqual(['NAME', 'POD-SELECTOR', 'AGE']);
    expect(rowOf(networkPolicies, created(networkPolicies, policy({ podSelector: { matchLabels: { a: 'b' } } })))).toEqual([
      'p',
      'a=b',
      '24h',
    ]);
    expect(rowOf(networkPolicies, created(networkPolicies, policy()))).toEqual(['p', '<none>', '24h']);
  });
});

describe('an IPAddress', () => {
  const address = (name: string, parentRef: object | undefined) => ({ metadata: { name }, spec: { parentRef } });
  const service = { resource: 'services', namespace: 'default', name: 'web' };

  it.each([
    ['10.96.0.5', service, []],
    ['2001:db8::1', { group: 'example.com', resource: 'vips', name: 'v' }, []],
    ['10.96.0.5', undefined, ['spec.parentRef: Required value']],
    ['10.96.0.5', {}, ['spec.parentRef.resource: Required value', 'spec.parentRef.name: Required value']],
    ['web', service, ['metadata.name: Invalid value: "web": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']],
    ['2001:DB8:0::1', service, ['metadata.name: Invalid value: "2001:DB8:0::1": must be in canonical form ("2001:db8::1")']],
    ['::ffff:10.0.0.1', service, ['metadata.name: Invalid value: "::ffff:10.0.0.1": must not be an IPv4-mapped IPv6 address']],
  ])('%s of %j gets the errors %j', (name, parent, errors) => {
    expect(errorsOf(ipAddresses, address(name, parent))).toEqual(errors);
  });

  it('is a row, and stays its owner’s', () => {
    expect(headingsOf(ipAddresses)).toEqual(['NAME', 'PARENTREF', 'AGE']);
    expect(rowOf(ipAddresses, created(ipAddresses, address('10.96.0.5', service)))).toEqual(['10.96.0.5', 'services/default/web', '24h']);
    const [error] = updateErrorsOf(ipAddresses, address('10.96.0.5', service), address('10.96.0.5', { ...service, name: 'b' }));
    expect(error).toMatch(/^spec\.parentRef: .*field is immutable$/);
  });
});

describe('a ServiceCIDR', () => {
  const cidr = (...cidrs: string[]) => ({ metadata: { name: 'more' }, spec: { cidrs } });

  it.each([
    [['10.0.0.0/16'], []],
    [['10.0.0.0/16', 'fd00::/108'], []],
    [[], ['spec.cidrs: Required value: at least one CIDR required']],
    [
      ['10.0.0.0/16', '10.1.0.0/16'],
      [
        'spec.cidrs: Invalid value: {"cidrs":["10.0.0.0/16","10.1.0.0/16"]}: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
      ],
    ],
    [['10.0.0.1/16'], ['spec.cidrs[0]: Invalid value: "10.0.0.1/16": must not have bits set beyond the prefix length']],
    [['FD00::/108'], ['spec.cidrs[0]: Invalid value: "FD00::/108": must be in canonical form ("fd00::/108")']],
    [['10.0.0.0/33'], ['spec.cidrs[0]: Invalid value: "10.0.0.0/33": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)']],
  ])('of %j gets the errors %j', (cidrs, errors) => {
    expect(errorsOf(serviceCidrs, cidr(...cidrs))).toEqual(errors);
  });

  it('stays as it is, and is a row', () => {
    expect(updateErrorsOf(serviceCidrs, cidr('10.0.0.0/16'), cidr('10.1.0.0/16'))).toEqual([
      'spec.cidrs: Invalid value: ["10.1.0.0/16"]: field is immutable',
    ]);
    expect(headingsOf(serviceCidrs)).toEqual(['NAME', 'CIDRS', 'AGE']);
    expect(rowOf(serviceCidrs, created(serviceCidrs, cidr('10.0.0.0/16', 'fd00::/108')))).toEqual([
      'more',
      '10.0.0.0/16,fd00::/108',
      '24h',
    ]);
  });
});
