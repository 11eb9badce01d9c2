// Discovery documents: complete, in upstream's order, negotiated, cached by ETag, and changing with what is served.
import { beforeEach, describe, expect, it } from 'vitest';
import { Discovery } from '../../../src/apiserver/discovery.js';
import { ExternalApis } from '../../../src/apiserver/external-apis.js';
import { Resources } from '../../../src/apiserver/resources.js';
import { defineKind } from '../../../src/kinds/define.js';
import { kinds, schemas } from '../../../src/kinds/index.js';

const V2 = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const V2BETA1 = V2.replace('v2', 'v2beta1');
/** As client-go asks. */
const CLIENT_GO = `${V2},${V2BETA1},application/json`;

interface Resource {
  readonly resource: string;
  readonly subresources?: readonly { readonly subresource: string }[];
}
interface Group {
  readonly metadata: { readonly name?: string };
  readonly versions: readonly { readonly version: string; readonly freshness: string; readonly resources: readonly Resource[] }[];
}

let resources: Resources;
let externalApis: ExternalApis;
let discovery: Discovery;

beforeEach(() => {
  const [storage, cache] = [() => ({}) as never, () => ({ close() {} }) as never];
  resources = new Resources({ kinds, schemas, extensions: [], storage, cache });
  externalApis = new ExternalApis();
  discovery = new Discovery({ resources, externalApis, serverAddress: '10.0.0.1:6443' });
});

const ask = (path: string, accept?: string) => discovery.answer(path, { accept }, new URLSearchParams());
const json = (path: string, accept?: string) => JSON.parse(ask(path, accept)!.bytes.toString());
const groups = (path = '/apis'): readonly Group[] => json(path, CLIENT_GO).items;
const sorted = (names: readonly string[]) => [...names].sort();

const knobs = defineKind({ group: 'example.com', version: 'v1', kind: 'Knob', plural: 'knobs', namespaced: true, schema: 'core.v1.Pod' });

describe('the aggregated document', () => {
  it('has every kind with its subresources', () => {
    for (const kind of kinds) {
      const group = groups(kind.group ? '/apis' : '/api').find(({ metadata }) => (metadata.name ?? '') === kind.group);
      const found = group!.versions
        .find(({ version }) => version === kind.version)!
        .resources.find(({ resource }) => resource === kind.plural);
      expect(found, kind.plural).toMatchObject({
        responseKind: { group: kind.group, version: kind.version, kind: kind.kind },
        scope: kind.namespaced ? 'Namespaced' : 'Cluster',
        singularResource: kind.singular,
      });
    }
    const [core] = groups('/api');
    const pods = core!.versions[0]!.resources.find(({ resource }) => resource === 'pods')!;
    expect(pods).toMatchObject({ shortNames: ['po'], categories: ['all'] });
    expect(pods.subresources!.map(({ subresource }) => subresource)).toEqual(
      expect.arrayContaining(['attach', 'binding', 'eviction', 'exec', 'log', 'portforward', 'status']),
    );
    expect(pods.subresources).toContainEqual({
      subresource: 'eviction',
      responseKind: { group: 'policy', version: 'v1', kind: 'Eviction' },
      verbs: ['create'],
    });
  });

  it('is what clients get that ask for it, in the version that they name first', () => {
    expect(ask('/apis', CLIENT_GO)!.contentType).toBe('application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
    expect(json('/apis', `${V2BETA1},application/json`).apiVersion).toBe('apidiscovery.k8s.io/v2beta1');
    expect(json('/apis', `${V2};q=0.5,${V2BETA1};q=0.9`).apiVersion).toBe('apidiscovery.k8s.io/v2beta1');
    expect(json('/apis', `${V2.replace('v2', 'v9')},application/json`).kind).toBe('APIGroupList');
    expect(json('/apis', `${V2};q=0.1,application/json`).kind).toBe('APIGroupList');
    expect(json('/apis/apps/v1', CLIENT_GO).kind).toBe('APIResourceList');
    expect(() => ask('/apis', V2.replace('v2', 'v9'))).toThrow(expect.objectContaining({ code: 406 }));
  });
});

describe('the plain lists', () => {
  it('say the same as the aggregated document', () => {
    for (const path of ['/api', '/apis']) {
      for (const { metadata, versions } of groups(path)) {
        const base = metadata.name ? `${path}/${metadata.name}` : path;
        for (const { version, resources: all } of versions) {
          const names = all.flatMap(({ resource, subresources = [] }) => [
            resource,
            ...subresources.map((each) => `${resource}/${each.subresource}`),
          ]);
          expect(json(`${base}/${version}`).resources.map(({ name }: { name: string }) => name)).toEqual(names);
        }
      }
    }
  });

  it('have the hashes that tell how a kind is stored, as upstream computes them', () => {
    const found = json('/api/v1').resources.find(({ name }: { name: string }) => name === 'pods');
    expect(found).toMatchObject({ storageVersionHash: 'xPOwRZ+Yhw8=', singularName: 'pod', kind: 'Pod', namespaced: true });
  });

  it('tell where the server is', () => {
    expect(json('/api')).toEqual({
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '10.0.0.1:6443' }],
    });
  });

  it('come as YAML and protobuf, too', () => {
    expect(ask('/apis', 'application/yaml')!.bytes.toString()).toMatch(/^apiVersion: v1\ngroups:\n- name: /);
    for (const path of ['/api', '/apis', '/apis/apps', '/api/v1']) {
      const { contentType, bytes } = ask(path, 'application/vnd.kubernetes.protobuf')!;
      expect(contentType).toBe('application/vnd.kubernetes.protobuf');
      expect(bytes.subarray(0, 4).toString('latin1')).toBe('k8s\0');
    }
    expect(() => ask('/apis', 'text/html')).toThrow(expect.objectContaining({ code: 406 }));
  });

  it('are found with a slash at the end, and not where there is nothing', () => {
    expect(json('/apis/apps/').kind).toBe('APIGroup');
    expect(ask('/apis/nothing')).toBeUndefined();
    expect(ask('/apis/apps/v9')).toBeUndefined();
    expect(ask('/healthz')).toBeUndefined();
  });
});

describe('order', () => {
  it('of groups is upstream’s, custom ones last', () => {
    resources.add({ kind: knobs });
    const names = groups().map(({ metadata }) => metadata.name!);
    expect(names.indexOf('apps')).toBeLessThan(names.indexOf('certificates.k8s.io'));
    expect(names.indexOf('certificates.k8s.io')).toBeLessThan(names.indexOf('coordination.k8s.io'));
    // Only the metrics API comes after them, as metrics-server registers it.
    expect(names.slice(-2)).toEqual(['example.com', 'metrics.k8s.io']);
    expect(json('/apis').groups.map(({ name }: { name: string }) => name)).toEqual(names);
  });

  it('of resources is by name', () => {
    const names = groups('/api')[0]!.versions[0]!.resources.map(({ resource }) => resource);
    expect(names).toEqual(sorted(names));
    expect(names[0]).toBe('bindings');
  });

  it('of versions puts the one to prefer first', () => {
    for (const version of ['v1beta1', 'v2', 'v2alpha1']) resources.add({ kind: defineKind({ ...knobs, version }) });
    resources.add({ kind: knobs });
    const { versions, preferredVersion } = json('/apis/example.com');
    expect(versions.map(({ version }: { version: string }) => version)).toEqual(['v2', 'v1', 'v1beta1', 'v2alpha1']);
    expect(preferredVersion).toEqual({ groupVersion: 'example.com/v2', version: 'v2' });
  });
});

describe('changes', () => {
  it('show at once, and give the documents another ETag', () => {
    const before = [ask('/apis', CLIENT_GO)!.etag, ask('/apis')!.etag, ask('/api', CLIENT_GO)!.etag];
    resources.add({ kind: knobs });
    expect(json('/apis/example.com/v1').resources[0].name).toBe('knobs');
    const after = [ask('/apis', CLIENT_GO)!.etag, ask('/apis')!.etag, ask('/api', CLIENT_GO)!.etag];
    expect(after[0]).not.toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
    expect(after[2]).toBe(before[2]);
    resources.remove(knobs);
    expect(ask('/apis/example.com')).toBeUndefined();
    expect(ask('/apis', CLIENT_GO)!.etag).toBe(before[0]);
  });
});

describe('other servers', () => {
  const metrics = { group: 'custom.metrics.k8s.io', version: 'v1beta1', groupPriorityMinimum: 100, versionPriority: 10 };
  const listed = [
    { resource: 'nodes', responseKind: { group: '', version: '', kind: 'NodeMetrics' }, scope: 'Cluster', verbs: ['get', 'list'] },
  ];

  it('have their groups among ours, stale while they do not answer', () => {
    externalApis.set(metrics);
    const last = () => groups().find(({ metadata }) => metadata.name === metrics.group)!;
    expect(last()).toMatchObject({
      metadata: { name: 'custom.metrics.k8s.io' },
      versions: [{ version: 'v1beta1', freshness: 'Stale', resources: [] }],
    });
    externalApis.set({ ...metrics, resources: listed });
    expect(last().versions).toEqual([{ version: 'v1beta1', freshness: 'Current', resources: listed }]);
    expect(json('/apis/custom.metrics.k8s.io').preferredVersion.version).toBe('v1beta1');
    expect(ask('/apis/custom.metrics.k8s.io/v1beta1'), 'which that server answers itself').toBeUndefined();
    externalApis.delete(metrics);
    expect(ask('/apis/custom.metrics.k8s.io')).toBeUndefined();
  });

  it('come in the order that they ask for', () => {
    externalApis.set({ ...metrics, groupPriorityMinimum: 17_790 });
    const names = groups().map(({ metadata }) => metadata.name!);
    expect(names.indexOf('custom.metrics.k8s.io')).toBe(names.indexOf('apps') + 1);
    externalApis.set({ ...metrics, version: 'v1', versionPriority: 5 });
    expect(json('/apis/custom.metrics.k8s.io').preferredVersion.version).toBe('v1beta1');
  });
});
