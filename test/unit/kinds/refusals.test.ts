// What is refused of namespaces, quotas, configuration, leases, endpoints, events, nodes, volumes and signing requests.
import { describe, expect, it } from 'vitest';
import { certificateSigningRequests } from '../../../src/kinds/certificates/certificatesigningrequest.js';
import { leases } from '../../../src/kinds/coordination/lease.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { endpoints } from '../../../src/kinds/core/endpoints.js';
import { events } from '../../../src/kinds/core/event.js';
import { limitRanges } from '../../../src/kinds/core/limitrange.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { persistentVolumes } from '../../../src/kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../../../src/kinds/core/persistentvolumeclaim.js';
import { resourceQuotas } from '../../../src/kinds/core/resourcequota.js';
import { secrets } from '../../../src/kinds/core/secret.js';
import { endpointSlices } from '../../../src/kinds/discovery/endpointslice.js';
import { created, errorsOf, updateErrorsOf } from './objects.js';

const metadata = { name: 'x' };
const kept = 'field is immutable when `immutable` is set';

describe('a Namespace', () => {
  it('is made Active, with the finalizer by which it is emptied', () => {
    const namespace = created(namespaces, { metadata, status: { phase: 'Terminating' } });
    expect(namespace).toMatchObject({ spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } });
    expect(errorsOf(namespaces, { metadata })).toEqual([]);
  });

  it('keeps its finalizers in an update; only the finalize subresource writes them', () => {
    const old = created(namespaces, { metadata });
    const object = created(namespaces, { metadata });
    object.spec.finalizers = [];
    namespaces.prepareForUpdate?.(object, old as never);
    expect(object.spec.finalizers).toEqual(['kubernetes']);
    expect(namespaces.subresources?.writable).toEqual({ finalize: ['spec.finalizers'] });
  });
});

describe('a ResourceQuota', () => {
  it.each([
    [{ pods: '10', 'requests.cpu': '500m', 'count/deployments.apps': '3', 'requests.example.com/gpu': '1' }, []],
    [{ pod: '10' }, ['spec.hard[pod]: Invalid value: "pod": must be a standard resource for quota']],
    [{ pods: '-1' }, ['spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0']],
    [{ pods: '500m' }, ['spec.hard[pods]: Invalid value: "500m": must be an integer']],
  ])('of %o', (hard, errors) => {
    expect(errorsOf(resourceQuotas, { metadata, spec: { hard } })).toEqual(errors);
  });
});

describe('a LimitRange', () => {
  it('has its bounds in order, one item for each type', () => {
    const item = (more: object) => errorsOf(limitRanges, { metadata, spec: { limits: [{ type: 'Container', ...more }] } });
    expect(item({ min: { cpu: '100m' }, max: { cpu: '1' } })).toEqual([]);
    expect(item({ min: { cpu: '2' }, max: { cpu: '1' }, default: { cpu: '2' }, defaultRequest: { cpu: '2' } })).toEqual([
      'spec.limits[0].default[cpu]: Invalid value: "2": default value 2 is greater than max value 1',
    ]);
    expect(errorsOf(limitRanges, { metadata, spec: { limits: [{ type: 'Pod' }, { type: 'Pod' }] } })).toEqual([
      'spec.limits[1].type: Duplicate value: "Pod"',
    ]);
  });
});

describe('a ConfigMap', () => {
  it('has keys that can be file names, each once', () => {
    expect(errorsOf(configMaps, { metadata, data: { 'app.conf': '' }, binaryData: { 'app.conf': '' } })).toEqual([
      'data[app.conf]: Invalid value: "app.conf": duplicate of key present in binaryData',
    ]);
    expect(errorsOf(configMaps, { metadata, data: { '..': '' } })).toEqual(['data[..]: Invalid value: "..": must not be \'..\'']);
  });

  it('is at most 1 MiB', () => {
    expect(errorsOf(configMaps, { metadata, data: { a: 'x'.repeat(1024 * 1024 + 1) } })).toEqual([
      '[]: Too long: may not be more than 1048576 bytes',
    ]);
  });

  it('does not change once immutable', () => {
    const fixed = { metadata, immutable: true, data: { a: '1' } };
    expect(updateErrorsOf(configMaps, fixed, fixed)).toEqual([]);
    expect(updateErrorsOf(configMaps, fixed, { metadata, data: { a: '2' } })).toEqual([
      `immutable: Forbidden: ${kept}`,
      `data: Forbidden: ${kept}`,
    ]);
  });
});

describe('a Secret', () => {
  it('keeps its type', () => {
    expect(updateErrorsOf(secrets, { metadata }, { metadata, type: 'mine' })).toEqual(['type: Invalid value: "mine": field is immutable']);
  });

  it('does not change once immutable', () => {
    const fixed = { metadata, immutable: true, stringData: { a: '1' } };
    expect(updateErrorsOf(secrets, fixed, { ...fixed, stringData: { a: '2' } })).toEqual([`data: Forbidden: ${kept}`]);
  });

  it.each([
    ['kubernetes.io/tls', { 'tls.crt': 'x' }, ['data[tls.key]: Required value']],
    ['kubernetes.io/basic-auth', {}, ['data[username]: Required value', 'data[password]: Required value']],
    [
      'kubernetes.io/dockerconfigjson',
      { '.dockerconfigjson': 'hunter2' },
      ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": must be valid JSON'],
    ],
    ['kubernetes.io/service-account-token', {}, ['metadata.annotations[kubernetes.io/service-account.name]: Required value']],
    ['bootstrap.kubernetes.io/token', { 'token-id': 'abcdef' }, []],
  ])('of type %s has what it needs', (type, stringData, errors) => {
    expect(errorsOf(secrets, { metadata, type, stringData })).toEqual(errors);
  });
});

describe('a Lease', () => {
  it('lasts', () => {
    expect(errorsOf(leases, { metadata, spec: { holderIdentity: 'a', leaseDurationSeconds: 40 } })).toEqual([]);
    expect(errorsOf(leases, { metadata, spec: { leaseDurationSeconds: 0, leaseTransitions: -1 } })).toEqual([
      'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
      'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
    ]);
  });
});

describe('endpoints', () => {
  const slice = (more: object) => ({ metadata, addressType: 'IPv4', endpoints: [{ addresses: ['10.244.0.5'] }], ports: [], ...more });

  it.each([
    [slice({}), []],
    [slice({ addressType: 'IP' }), ['addressType: Unsupported value: "IP": supported values: "FQDN", "IPv4", "IPv6"']],
    [slice({ endpoints: [{ addresses: [] }] }), ['endpoints[0].addresses: Required value: must contain at least 1 address']],
    [slice({ endpoints: [{ addresses: ['fd00::1'] }] }), ['endpoints[0].addresses[0]: Invalid value: "fd00::1": must be an IPv4 address']],
    [
      slice({ endpoints: [{ addresses: ['127.0.0.1'] }] }),
      ['endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)'],
    ],
    [slice({ ports: [{ port: 1 }, { port: 2 }] }), ['ports[1].name: Duplicate value: ""']],
  ])('a slice: %#', (draft, errors) => {
    expect(errorsOf(endpointSlices, draft)).toEqual(errors);
  });

  it('a slice is bounded and keeps its address type', () => {
    const many = Array.from({ length: 1001 }, () => ({ addresses: ['10.0.0.1'] }));
    expect(errorsOf(endpointSlices, slice({ endpoints: many }))).toEqual(['endpoints: Too many: 1001: must have at most 1000 items']);
    expect(updateErrorsOf(endpointSlices, slice({}), slice({ addressType: 'IPv6', endpoints: [] }))).toEqual([
      'addressType: Invalid value: "IPv6": field is immutable',
    ]);
  });

  it('a subset has addresses, and names where it has several ports', () => {
    expect(errorsOf(endpoints, { metadata, subsets: [{ ports: [{ port: 80 }] }] })).toEqual([
      'subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`',
    ]);
    const subsets = [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80, name: 'a' }, { port: 81 }] }];
    expect(errorsOf(endpoints, { metadata, subsets })).toEqual(['subsets[0].ports[1].name: Required value']);
  });
});

describe('an Event', () => {
  const event = (namespace: string, involved: object, more: object = {}) =>
    errorsOf(events, { metadata: { name: 'x', namespace }, involvedObject: involved, ...more });

  it('lives beside what it is about, or in default', () => {
    expect(event('dev', { namespace: 'dev' })).toEqual([]);
    expect(event('default', { kind: 'Node', name: 'node-1' })).toEqual([]);
    expect(event('dev', { namespace: 'prod' })).toEqual([
      'involvedObject.namespace: Invalid value: "prod": does not match event.namespace',
    ]);
    expect(event('dev', { kind: 'Node' })).toEqual(['involvedObject.namespace: Invalid value: "": does not match event.namespace']);
  });

  it('in the newer form says who reports it', () => {
    expect(event('dev', { namespace: 'dev' }, { eventTime: '2026-01-01T00:00:00.000000Z', reason: 'Started' })).toEqual([
      'reportingComponent: Required value',
      'reportingInstance: Required value',
      'action: Required value',
    ]);
  });
});

describe('a Node', () => {
  const node = (spec: object) => ({ metadata, spec });

  it('has each taint once', () => {
    const taints = [
      { key: 'a', effect: 'NoSchedule' },
      { key: 'a', effect: 'NoSchedule', value: 'b' },
    ];
    expect(errorsOf(nodes, node({ taints }))).toEqual(['spec.taints[1]: Duplicate value: {"key":"a","effect":"NoSchedule"}']);
    expect(errorsOf(nodes, node({ taints: [{ key: 'a' }] }))).toEqual(['spec.taints[0].effect: Required value']);
  });

  it('keeps its pod CIDR once it has one', () => {
    expect(updateErrorsOf(nodes, node({}), node({ podCIDRs: ['10.244.1.0/24'] }))).toEqual([]);
    expect(updateErrorsOf(nodes, node({ podCIDRs: ['10.244.1.0/24'] }), node({ podCIDRs: ['10.244.2.0/24'] }))).toEqual([
      'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
    ]);
    expect(errorsOf(nodes, node({ podCIDRs: ['10.244.1.0'] }))).toHaveLength(1);
  });
});

describe('volumes and claims', () => {
  const claim = (spec: object = {}) => ({
    metadata,
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
  });

  it('say their size and who may mount them', () => {
    expect(errorsOf(persistentVolumes, { metadata, spec: {} })).toEqual([
      'spec.accessModes: Required value',
      'spec.capacity: Required value',
      'spec: Required value: must specify a volume type',
    ]);
    expect(errorsOf(persistentVolumeClaims, claim())).toEqual([]);
    expect(errorsOf(persistentVolumeClaims, { metadata, spec: {} })).toEqual([
      'spec.accessModes: Required value: at least 1 access mode is required',
      'spec.resources[storage]: Required value',
    ]);
  });

  it('a claim may be given its volume, and a class where it has none, and not change otherwise', () => {
    expect(updateErrorsOf(persistentVolumeClaims, claim(), claim({ volumeName: 'v' }))).toEqual([]);
    const [slow, fast] = [claim({ storageClassName: 'slow' }), claim({ storageClassName: 'fast' })];
    expect(updateErrorsOf(persistentVolumeClaims, slow, fast)[0]).toMatch(/^spec: Forbidden: spec is immutable after creation except/);
    // The default class, once there is one.
    expect(updateErrorsOf(persistentVolumeClaims, claim(), fast)).toEqual([]);
  });
});

describe('a CertificateSigningRequest', () => {
  const pem = '-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n';
  const request = Buffer.from(pem).toString('base64');
  const csr = (spec: object = {}) => ({
    metadata,
    spec: { request, signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usages: ['client auth'], ...spec },
  });

  it.each([
    [{}, []],
    [{ usages: [] }, ['spec.usages: Required value']],
    [
      { signerName: 'me' },
      ['spec.signerName: Invalid value: "me": must be a fully qualified domain and path of the form "example.com/signer-name"'],
    ],
    [
      { expirationSeconds: 60 },
      ['spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 600 seconds (10 minutes)'],
    ],
    [{ request: 'AAAA' }, ['spec.request: Invalid value: "AAAA": PEM block type must be CERTIFICATE REQUEST']],
  ])('with %o', (spec, errors) => {
    expect(errorsOf(certificateSigningRequests, csr(spec))).toEqual(errors);
  });

  it('is decided once, one way or the other', () => {
    const decide = (before: string[], after: string[]) => {
      const conditions = (types: string[]) => ({ conditions: types.map((type) => ({ type, status: 'True' })) });
      const old = { ...created(certificateSigningRequests, csr()), status: conditions(before) };
      const object = { ...created(certificateSigningRequests, csr()), status: conditions(after) };
      return certificateSigningRequests.validate?.(object as never, old as never).map(({ message }) => message);
    };
    expect(decide([], ['Approved'])).toEqual([]);
    expect(decide(['Approved'], [])).toEqual(['Forbidden: updates may not remove a condition of type "Approved"']);
    expect(decide(['Approved'], ['Approved', 'Denied'])).toEqual([
      'Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
    ]);
  });

  it('cannot be changed, nor created approved', () => {
    const approved = { conditions: [{ type: 'Approved', status: 'True' }] };
    expect(created(certificateSigningRequests, { ...csr(), status: approved }).status).toEqual({});
    const object = created(certificateSigningRequests, csr({ usages: ['any'] }));
    certificateSigningRequests.prepareForUpdate?.(object, created(certificateSigningRequests, csr()) as never);
    expect(object.spec.usages).toEqual(['client auth']);
  });
});
