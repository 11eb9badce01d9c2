// kubectl get of everything that has no test of its own.
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
import { podTemplates } from '../../../src/kinds/core/podtemplate.js';
import { resourceQuotas } from '../../../src/kinds/core/resourcequota.js';
import { secrets } from '../../../src/kinds/core/secret.js';
import { serviceAccounts } from '../../../src/kinds/core/serviceaccount.js';
import { endpointSlices } from '../../../src/kinds/discovery/endpointslice.js';
import { ago, created, headingsOf, rowOf, template } from './objects.js';

const metadata = { name: 'x' };

describe('kubectl get nodes', () => {
  const nodeInfo = {
    kubeletVersion: 'v1.34.0',
    osImage: 'Debian GNU/Linux 12',
    kernelVersion: '6.18.0',
    containerRuntimeVersion: 'docker://20.10.24',
  };
  const node = (spec: object, status: object, labels: object = {}) =>
    created(nodes, { metadata: { name: 'node-1', labels }, spec, status: { nodeInfo, ...status } });

  it('shows addresses and versions', () => {
    const conditions = [{ type: 'Ready', status: 'True' }];
    const labels = { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': '' };
    const object = node({}, { conditions, addresses: [{ type: 'InternalIP', address: '192.168.241.11' }] }, labels);
    expect(headingsOf(nodes, true)).toEqual([
      ...['NAME', 'STATUS', 'ROLES', 'AGE', 'VERSION', 'INTERNAL-IP', 'EXTERNAL-IP', 'OS-IMAGE', 'KERNEL-VERSION', 'CONTAINER-RUNTIME'],
    ]);
    expect(rowOf(nodes, object, true)).toEqual([
      ...['node-1', 'Ready', 'control-plane,worker', '24h', 'v1.34.0', '192.168.241.11', '<none>'],
      ...['Debian GNU/Linux 12', '6.18.0', 'docker://20.10.24'],
    ]);
  });

  it.each([
    ['Unknown', {}, {}],
    ['NotReady', {}, { conditions: [{ type: 'Ready', status: 'Unknown' }] }],
    ['NotReady', {}, { conditions: [{ type: 'Ready', status: 'False' }] }],
    ['Ready,SchedulingDisabled', { unschedulable: true }, { conditions: [{ type: 'Ready', status: 'True' }] }],
  ])('says %s', (word, spec, status) => {
    expect(rowOf(nodes, node(spec, status)).slice(1, 3)).toEqual([word, '<none>']);
  });
});

describe('kubectl get events', () => {
  const involvedObject = { kind: 'Pod', namespace: 'default', name: 'web', fieldPath: 'spec.containers{web}' };
  const event = (more: object) =>
    created(events, { metadata: { name: 'web.1' }, involvedObject, type: 'Normal', reason: 'Started', ...more });

  it('shows when, what, why', () => {
    const object = event({
      message: 'Started container web\n',
      lastTimestamp: ago(60),
      firstTimestamp: ago(600),
      count: 3,
      source: { component: 'kubelet', host: 'node-1' },
    });
    expect(headingsOf(events)).toEqual(['LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE']);
    expect(rowOf(events, object)).toEqual(['60s', 'Normal', 'Started', 'pod/web', 'Started container web']);
    expect(headingsOf(events, true)).toEqual([
      ...['LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'SUBOBJECT', 'SOURCE', 'MESSAGE', 'FIRST SEEN', 'COUNT', 'NAME'],
    ]);
    expect(rowOf(events, object, true).slice(4)).toEqual([
      'spec.containers{web}',
      'kubelet, node-1',
      'Started container web',
      '10m',
      '3',
      'web.1',
    ]);
  });

  it('goes by the newer form’s times where there are no others', () => {
    const eventTime = ago(300).replace('Z', '.000000Z');
    expect(rowOf(events, event({ eventTime }))[0]).toBe('5m');
    const series = { count: 7, lastObservedTime: ago(10).replace('Z', '.000000Z') };
    const row = rowOf(events, event({ eventTime, series }), true);
    expect([row[0], row[7], row[8]]).toEqual(['10s', '5m', '7']);
    expect(rowOf(events, event({}))[0]).toBe('<unknown>');
  });
});

describe('kubectl get endpoints and endpointslices', () => {
  it('shows three and counts the rest', () => {
    const ips = ['10.244.0.1', '10.244.0.2', '10.244.0.3', '10.244.0.4'];
    const subsets = [{ addresses: ips.map((ip) => ({ ip })), ports: [{ port: 80 }] }];
    expect(rowOf(endpoints, created(endpoints, { metadata, subsets }))[1]).toBe('10.244.0.1:80,10.244.0.2:80,10.244.0.3:80 + 1 more...');
    const slice = { metadata, addressType: 'IPv4', ports: [{ port: 80 }, {}], endpoints: ips.map((ip) => ({ addresses: [ip] })) };
    expect(headingsOf(endpointSlices)).toEqual(['NAME', 'ADDRESSTYPE', 'PORTS', 'ENDPOINTS', 'AGE']);
    expect(rowOf(endpointSlices, created(endpointSlices, slice)).slice(1, 4)).toEqual([
      ...['IPv4', '80,*', '10.244.0.1,10.244.0.2,10.244.0.3 + 1 more...'],
    ]);
  });

  it('says when there are none', () => {
    expect(rowOf(endpoints, created(endpoints, { metadata }))[1]).toBe('<none>');
    const slice = { metadata, addressType: 'IPv4', ports: [], endpoints: [] };
    expect(rowOf(endpointSlices, created(endpointSlices, slice)).slice(2, 4)).toEqual(['<unset>', '<unset>']);
  });
});

describe('kubectl get csr', () => {
  const spec = { signerName: 'kubernetes.io/kube-apiserver-client-kubelet', username: 'system:bootstrap:abcdef', request: '', usages: [] };
  const csr = (status: object, more: object = {}) => ({
    ...created(certificateSigningRequests, { metadata, spec: { ...spec, ...more } }),
    status,
  });

  it('shows who asks whom for what', () => {
    expect(headingsOf(certificateSigningRequests)).toEqual(['NAME', 'AGE', 'SIGNERNAME', 'REQUESTOR', 'REQUESTEDDURATION', 'CONDITION']);
    expect(rowOf(certificateSigningRequests, csr({}, { expirationSeconds: 86_400 }))).toEqual([
      ...['x', '24h', 'kubernetes.io/kube-apiserver-client-kubelet', 'system:bootstrap:abcdef', '24h', 'Pending'],
    ]);
  });

  it.each([
    ['Approved', { conditions: [{ type: 'Approved', status: 'True' }] }],
    ['Approved,Issued', { conditions: [{ type: 'Approved', status: 'True' }], certificate: 'eA==' }],
    ['Denied', { conditions: [{ type: 'Denied', status: 'True' }] }],
    [
      'Approved,Failed',
      {
        conditions: [
          { type: 'Approved', status: 'True' },
          { type: 'Failed', status: 'True' },
        ],
      },
    ],
  ])('says %s', (word, status) => {
    expect(rowOf(certificateSigningRequests, csr(status)).slice(4)).toEqual(['<none>', word]);
  });
});

describe('kubectl get', () => {
  it('namespaces', () => {
    expect(headingsOf(namespaces)).toEqual(['NAME', 'STATUS', 'AGE']);
    expect(rowOf(namespaces, created(namespaces, { metadata }))).toEqual(['x', 'Active', '24h']);
  });

  it('secrets, configmaps and serviceaccounts', () => {
    expect(rowOf(secrets, created(secrets, { metadata, stringData: { a: '1', b: '2' } }))).toEqual(['x', 'Opaque', '2', '24h']);
    expect(rowOf(configMaps, created(configMaps, { metadata, data: { a: '1' }, binaryData: { b: 'AA==' } }))).toEqual(['x', '2', '24h']);
    expect(rowOf(serviceAccounts, created(serviceAccounts, { metadata }))).toEqual(['x', '0', '24h']);
  });

  it('leases', () => {
    const lease = created(leases, { metadata, spec: { holderIdentity: 'node-1' } });
    expect(headingsOf(leases)).toEqual(['NAME', 'HOLDER', 'AGE']);
    expect(rowOf(leases, lease)).toEqual(['x', 'node-1', '24h']);
  });

  it('resourcequotas, what is used of what', () => {
    const hard = { pods: '10', 'requests.cpu': '4', 'limits.cpu': '10' };
    const quota = { ...created(resourceQuotas, { metadata, spec: { hard } }), status: { hard, used: { pods: '2', 'limits.cpu': '500m' } } };
    expect(headingsOf(resourceQuotas)).toEqual(['NAME', 'REQUEST', 'LIMIT', 'AGE']);
    expect(rowOf(resourceQuotas, quota)).toEqual(['x', 'pods: 2/10, requests.cpu: 0/4', 'limits.cpu: 500m/10', '24h']);
  });

  it('limitranges', () => {
    expect(headingsOf(limitRanges)).toEqual(['NAME', 'CREATED AT']);
    expect(rowOf(limitRanges, created(limitRanges, { metadata, spec: { limits: [] } }))).toEqual(['x', ago(86_400)]);
  });

  it('persistentvolumes and persistentvolumeclaims', () => {
    const spec = {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteMany', 'ReadWriteOnce'],
      hostPath: { path: '/srv' },
      claimRef: { namespace: 'dev', name: 'data' },
    };
    expect(rowOf(persistentVolumes, created(persistentVolumes, { metadata, spec }), true)).toEqual([
      ...['x', '1Gi', 'RWO,RWX', 'Retain', 'Pending', 'dev/data', '', '<unset>', '', '24h', 'Filesystem'],
    ]);
    const claim = created(persistentVolumeClaims, {
      metadata,
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    });
    expect(rowOf(persistentVolumeClaims, claim)).toEqual(['x', 'Pending', '', '', '', '', '<unset>', '24h']);
    const bound = {
      ...claim,
      spec: { ...claim.spec, volumeName: 'v' },
      status: { phase: 'Bound', capacity: { storage: '2Gi' }, accessModes: ['ReadWriteOnce'] },
    };
    expect(rowOf(persistentVolumeClaims, bound).slice(1, 5)).toEqual(['Bound', 'v', '2Gi', 'RWO']);
  });

  it('podtemplates', () => {
    expect(rowOf(podTemplates, created(podTemplates, { metadata, template: template() }))).toEqual([
      'x',
      'web',
      'nginx:1.27',
      'app=web',
      '24h',
    ]);
  });
});
