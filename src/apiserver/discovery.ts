// Discovery: which groups, versions and resources there are, as plain lists and as the aggregated document.
import { createHash } from 'node:crypto';
import { compareVersions } from '../apimachinery/version-order.js';
import { pods } from '../kinds/core/pod.js';
import type { AnyKind } from '../kinds/define.js';
import { EVICTION } from './handlers/eviction.js';
import { parseAccept } from './http/negotiate.js';
import type { Resources } from './resources.js';
import { verbsOf } from './resources.js';
import { storedKind } from './storage/conversion.js';

export interface SubresourceInfo {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

const VIEW_VERBS = ['get', 'patch', 'update'];

/** All subresources that a kind has, by name. */
export function subresourcesOf(kind: AnyKind): readonly SubresourceInfo[] {
  const { status, scale, actions = {}, writable = {}, connect = [] } = kind.subresources ?? {};
  const own = (name: string, verbs: readonly string[]): SubresourceInfo => {
    const { group, version } = kind;
    return { name, group, version, kind: kind.kind, verbs };
  };
  const out = [
    ...connect.map((name) =>
      name === 'log' ? own(name, ['get']) : { ...own(name, ['create', 'get']), kind: CONNECT_KINDS[name] ?? kind.kind },
    ),
    ...Object.keys(writable).map((name) => own(name, VIEW_VERBS)),
    ...Object.entries(actions).map(([name, action]) => ({
      name,
      ...groupVersion(action.bodyVersion),
      kind: action.bodyKind,
      verbs: ['create'],
    })),
    ...(status ? [own('status', VIEW_VERBS)] : []),
    ...(scale ? [{ name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: VIEW_VERBS }] : []),
    ...(kind === pods ? [{ name: EVICTION, group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] }] : []),
  ];
  return out.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const CONNECT_KINDS: { readonly [name: string]: string } = {
  exec: 'PodExecOptions',
  attach: 'PodAttachOptions',
  portforward: 'PodPortForwardOptions',
};

function groupVersion(text: string): { group: string; version: string } {
  const [group, version] = text.includes('/') ? text.split('/') : ['', text];
  return { group: group!, version: version! };
}

interface Group {
  /** Empty for the core group. */
  readonly name: string;
  /** The preferred one first. */
  readonly versions: readonly GroupVersion[];
}

interface GroupVersion {
  readonly group: string;
  readonly version: string;
  readonly kinds: readonly AnyKind[];
}

export interface Answer {
  /** Absent: 200. */
  readonly code?: number;
  readonly contentType: string;
  readonly bytes: Buffer;
  /** Whether `bytes` are gzipped; who does not take that gets them unzipped. */
  readonly zipped?: boolean;
  readonly etag?: string;
  readonly headers?: { readonly [name: string]: string };
}

/** Made when first asked for, and again after the kinds that are served have changed. */
export class Discovery {
  #documents: Documents | undefined;

  constructor(private readonly resources: Resources) {
    resources.onChange(() => (this.#documents = undefined));
  }

  /** Undefined for paths that are no discovery document. */
  answer(path: string, accept: string | undefined): Answer | undefined {
    if (!path.startsWith('/api')) return undefined;
    return (this.#documents ??= new Documents(this.resources)).answer(path, accept);
  }
}

/** All documents for the kinds of one moment. */
class Documents {
  readonly #answers = new Map<string, Answer>();
  readonly #aggregated = new Map<string, Answer>();

  constructor(resources: Resources) {
    const groups = groupsOf(resources);
    const put = (path: string, value: object) => this.#answers.set(path, plain(value));
    const [core, named] = [groups.filter(({ name }) => name === ''), groups.filter(({ name }) => name !== '')];
    put('/api', { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] });
    put('/apis', { kind: 'APIGroupList', apiVersion: 'v1', groups: named.map(apiGroup) });
    for (const each of groups) {
      const path = each.name ? `/apis/${each.name}` : '/api';
      if (each.name) put(path, { kind: 'APIGroup', apiVersion: 'v1', ...apiGroup(each) });
      for (const version of each.versions) put(`${path}/${version.version}`, resourceList(version));
    }
    for (const version of AGGREGATED_VERSIONS) {
      this.#aggregated.set(`/api ${version}`, aggregated(version, core));
      this.#aggregated.set(`/apis ${version}`, aggregated(version, named));
    }
  }

  answer(path: string, accept: string | undefined): Answer | undefined {
    const wanted = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    if (wanted === '/api' || wanted === '/apis') {
      for (const { type, parameters } of parseAccept(accept)) {
        const { as, g, v } = parameters;
        if (type !== 'application/json' || as !== 'APIGroupDiscoveryList' || g !== 'apidiscovery.k8s.io') continue;
        const answer = this.#aggregated.get(`${wanted} ${v}`);
        if (answer) return answer;
      }
    }
    return this.#answers.get(wanted);
  }
}

const AGGREGATED_VERSIONS = ['v2', 'v2beta1'] as const;

/** Groups in the order of their first kinds, versions by priority. */
function groupsOf(resources: Resources): readonly Group[] {
  const groups = new Map<string, Map<string, GroupVersion & { kinds: AnyKind[] }>>();
  for (const { kind } of resources.all()) {
    const { group, version } = kind;
    let versions = groups.get(group);
    if (!versions) groups.set(group, (versions = new Map()));
    const known = versions.get(version);
    if (known) known.kinds.push(kind);
    else versions.set(version, { group, version, kinds: [kind] });
  }
  return [...groups].map(([name, versions]) => ({
    name,
    versions: [...versions.values()].sort((a, b) => compareVersions(b.version, a.version)),
  }));
}

const plain = (value: object): Answer => ({ contentType: 'application/json', bytes: Buffer.from(`${JSON.stringify(value)}\n`) });

function apiGroup({ name, versions }: Group) {
  const all = versions.map(({ version }) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: all, preferredVersion: all[0] };
}

function resourceList({ group, version, kinds }: GroupVersion) {
  const resources = kinds.flatMap((kind) => [resourceInfo(kind), ...subresourcesOf(kind).map((sub) => subresourceInfo(kind, sub))]);
  if (!group) resources.push({ name: 'bindings', singularName: 'binding', namespaced: true, kind: 'Binding', verbs: ['create'] });
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: group ? `${group}/${version}` : version, resources };
}

interface ResourceInfo {
  readonly name: string;
  readonly singularName: string;
  readonly namespaced: boolean;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly [more: string]: unknown;
}

function resourceInfo(kind: AnyKind): ResourceInfo {
  const { plural, singular, namespaced, shortNames, categories } = kind;
  return {
    name: plural,
    singularName: singular,
    namespaced,
    kind: kind.kind,
    verbs: verbsOf(kind),
    ...(shortNames ? { shortNames } : {}),
    ...(categories ? { categories } : {}),
    storageVersionHash: hash(`${storedKind(kind).apiVersion}/${kind.kind}`).slice(0, 11),
  };
}

function subresourceInfo(kind: AnyKind, sub: SubresourceInfo): ResourceInfo {
  const foreign = sub.group !== kind.group || sub.version !== kind.version ? { group: sub.group, version: sub.version } : {};
  return {
    name: `${kind.plural}/${sub.name}`,
    singularName: '',
    namespaced: kind.namespaced,
    ...foreign,
    kind: sub.kind,
    verbs: sub.verbs,
  };
}

const hash = (text: string) => createHash('sha256').update(text).digest('base64');

function aggregated(apiVersion: (typeof AGGREGATED_VERSIONS)[number], groups: readonly Group[]): Answer {
  const items = groups.map(({ name, versions }) => ({
    metadata: name ? { name } : {},
    versions: versions.map((each) => ({ version: each.version, resources: aggregatedResources(each), freshness: 'Current' })),
  }));
  const value = { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${apiVersion}`, metadata: {}, items };
  const { bytes } = plain(value);
  const etag = `"${createHash('sha256').update(bytes).digest('hex').toUpperCase()}"`;
  return { contentType: `application/json;g=apidiscovery.k8s.io;v=${apiVersion};as=APIGroupDiscoveryList`, bytes, etag };
}

function aggregatedResources({ group, kinds }: GroupVersion) {
  const resources = kinds.map((kind) => {
    const { plural, singular, namespaced, shortNames, categories, version } = kind;
    const subresources = subresourcesOf(kind).map((sub) => ({
      subresource: sub.name,
      responseKind: { group: sub.group, version: sub.version, kind: sub.kind },
      verbs: sub.verbs,
    }));
    return {
      resource: plural,
      responseKind: { group, version, kind: kind.kind },
      scope: namespaced ? 'Namespaced' : 'Cluster',
      singularResource: singular,
      verbs: verbsOf(kind),
      ...(shortNames ? { shortNames } : {}),
      ...(categories ? { categories } : {}),
      ...(subresources.length > 0 ? { subresources } : {}),
    };
  });
  if (group) return resources;
  const responseKind = { group: '', version: 'v1', kind: 'Binding' };
  return [...resources, { resource: 'bindings', responseKind, scope: 'Namespaced', singularResource: 'binding', verbs: ['create'] }];
}
