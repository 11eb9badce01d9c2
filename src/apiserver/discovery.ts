// Discovery: which groups, versions and resources there are, as plain lists and as the aggregated document.
import { createHash } from 'node:crypto';
import type { ObjectSchema } from '../apimachinery/schema.js';
import { compareVersions } from '../apimachinery/version-order.js';
import type { AnyKind } from '../kinds/define.js';
import type { ApiContext } from './context.js';
import type { ExternalApi, ExternalResource } from './external-apis.js';
import { groupPriority } from './group-priority.js';
import { encodeValue } from './http/encode.js';
import { formOf, parseAccept } from './http/negotiate.js';
import { verbsOf } from './resources.js';
import { storedKind } from './storage/conversion.js';
import { type SubresourceInfo, subresourcesOf } from './subresources.js';

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

interface Group {
  /** Empty for the core group. */
  readonly name: string;
  /** The preferred one first. */
  readonly versions: readonly GroupVersion[];
}

/** Of kinds that are served here, or by another server. */
interface GroupVersion {
  readonly group: string;
  readonly version: string;
  readonly kinds: readonly AnyKind[];
  readonly external?: ExternalApi;
}

export type DiscoveryContext = Pick<ApiContext, 'resources' | 'externalApis'> & {
  /** `host:port` at which clients reach the API server, if that is known. */
  readonly serverAddress?: string;
};

/** What a client wants to get, as its headers say. */
export interface AskedForm {
  readonly accept?: string | undefined;
  readonly userAgent?: string | undefined;
}

/** Made when first asked for, and again after what is served has changed. */
export class Discovery {
  #documents: Documents | undefined;

  constructor(private readonly context: DiscoveryContext) {
    const forget = () => {
      this.#documents = undefined;
    };
    context.resources.onChange(forget);
    context.externalApis.onChange(forget);
  }

  /** Undefined for paths that are no discovery document. Throws 406. */
  answer(path: string, asked: AskedForm, query: URLSearchParams): Answer | undefined {
    if (!path.startsWith('/api')) return undefined;
    return this.#current().answer(path, asked, query);
  }

  /** Of every document. */
  paths(): readonly string[] {
    return this.#current().paths();
  }

  #current(): Documents {
    this.#documents ??= new Documents(this.context);
    return this.#documents;
  }
}

/** All documents of one moment. */
class Documents {
  readonly #plain = new Map<string, object>();
  readonly #aggregated = new Map<string, Answer>();

  constructor(private readonly context: DiscoveryContext) {
    const groups = groupsOf(context);
    const [core, named] = [groups.filter(({ name }) => name === ''), groups.filter(({ name }) => name !== '')];
    this.#plain.set('/api', apiVersions(context.serverAddress));
    this.#plain.set('/apis', { kind: 'APIGroupList', apiVersion: 'v1', groups: named.map(apiGroup) });
    for (const each of groups) {
      const path = each.name ? `/apis/${each.name}` : '/api';
      if (each.name) this.#plain.set(path, { kind: 'APIGroup', apiVersion: 'v1', ...apiGroup(each) });
      for (const version of each.versions) {
        // Another server's list is for that server to give.
        if (!version.external) this.#plain.set(`${path}/${version.version}`, resourceList(version));
      }
    }
    for (const version of AGGREGATED_VERSIONS) {
      this.#aggregated.set(`/api ${version}`, aggregated(version, core));
      this.#aggregated.set(`/apis ${version}`, aggregated(version, named));
    }
  }

  paths(): readonly string[] {
    return [...this.#plain.keys()];
  }

  answer(path: string, { accept, userAgent }: AskedForm, query: URLSearchParams): Answer | undefined {
    const wanted = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    const value = this.#plain.get(wanted);
    if (!value) return undefined;
    if (wanted !== '/api' && wanted !== '/apis') return this.#encoded(value, accept, userAgent, query);
    for (const { type, parameters } of parseAccept(accept)) {
      const { as, g, v } = parameters;
      // A client that would rather have the plain list gets it.
      if (as === undefined && PLAIN_TYPES.includes(type)) break;
      if (!JSON_TYPES.includes(type) || as !== 'APIGroupDiscoveryList' || g !== 'apidiscovery.k8s.io') continue;
      const answer = this.#aggregated.get(`${wanted} ${v}`);
      if (answer) return answer;
    }
    return this.#encoded(value, accept, userAgent, query);
  }

  #encoded(value: object, accept: string | undefined, userAgent: string | undefined, query: URLSearchParams): Answer {
    const form = formOf({ accept, userAgent, query, protobuf: true, watch: false });
    const { contentType, bytes } = encodeValue(value, form, form.media === 'protobuf' ? this.#schemaOf(value) : undefined);
    return { contentType, bytes, etag: etagOf(bytes) };
  }

  #schemaOf(value: object): ObjectSchema {
    return this.context.resources.schemas.get(`meta.v1.${(value as { kind: string }).kind}`);
  }
}

const AGGREGATED_VERSIONS = ['v2', 'v2beta1'] as const;
const JSON_TYPES: readonly string[] = ['application/json', 'application/*', '*/*'];
const PLAIN_TYPES: readonly string[] = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

/** As upstream: every client may use the same address. */
const apiVersions = (serverAddress: string | undefined) => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: serverAddress ? [{ clientCIDR: '0.0.0.0/0', serverAddress }] : [],
});

/** Groups by priority, versions of each by preference, kinds of each by name. */
function groupsOf({ resources, externalApis }: DiscoveryContext): readonly Group[] {
  const groups = new Map<string, { priority: number; versions: Map<string, GroupVersion & { kinds: AnyKind[] }> }>();
  const version = (of: { group: string; version: string }, priority: number) => {
    let group = groups.get(of.group);
    if (!group) groups.set(of.group, (group = { priority, versions: new Map() }));
    group.priority = Math.max(group.priority, priority);
    let known = group.versions.get(of.version);
    if (!known) group.versions.set(of.version, (known = { group: of.group, version: of.version, kinds: [] }));
    return known;
  };
  for (const { kind } of resources.all()) version(kind, groupPriority(kind.group)).kinds.push(kind);
  for (const external of externalApis.all()) Object.assign(version(external, external.groupPriorityMinimum), { external });
  return [...groups]
    .sort(([a, { priority: x }], [b, { priority: y }]) => y - x || (a < b ? -1 : 1))
    .map(([name, { versions }]) => ({ name, versions: [...versions.values()].map(withSortedKinds).sort(byPreference) }));
}

const withSortedKinds = (version: GroupVersion): GroupVersion => ({
  ...version,
  kinds: [...version.kinds].sort((a, b) => (a.plural < b.plural ? -1 : 1)),
});

/** What other servers serve says how it is preferred; upstream gives all others the same or follows their names. */
const LOCAL_VERSION_PRIORITY = 100;
const versionPriority = ({ external }: GroupVersion) => external?.versionPriority ?? LOCAL_VERSION_PRIORITY;
const byPreference = (a: GroupVersion, b: GroupVersion) => versionPriority(b) - versionPriority(a) || compareVersions(b.version, a.version);

function apiGroup({ name, versions }: Group) {
  const all = versions.map(({ version }) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: all, preferredVersion: all[0] };
}

const BINDINGS = { singular: 'binding', kind: 'Binding', verbs: ['create'] };

function resourceList({ group, version, kinds }: GroupVersion) {
  const resources = kinds.flatMap((kind) => [resourceInfo(kind), ...subresourcesOf(kind).map((sub) => subresourceInfo(kind, sub))]);
  if (!group)
    resources.unshift({ name: 'bindings', singularName: BINDINGS.singular, namespaced: true, kind: BINDINGS.kind, verbs: BINDINGS.verbs });
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
    ...(isStored(kind) ? { storageVersionHash: storageVersionHash(storedKind(kind)) } : {}),
  };
}

const isStored = (kind: AnyKind) => ['get', 'create'].every((verb) => verbsOf(kind).includes(verb));

/** Upstream's, so that whoever compares it across a migration finds the same. */
const storageVersionHash = ({ group, version, kind }: AnyKind) =>
  createHash('sha256').update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString('base64');

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

const etagOf = (bytes: Buffer) => `"${createHash('sha256').update(bytes).digest('hex').toUpperCase()}"`;

function aggregated(apiVersion: (typeof AGGREGATED_VERSIONS)[number], groups: readonly Group[]): Answer {
  const items = groups.map(({ name, versions }) => ({
    metadata: { ...(name ? { name } : {}), creationTimestamp: null },
    versions: versions.map((each) => ({
      version: each.version,
      resources: aggregatedResources(each),
      freshness: each.external && !each.external.resources ? 'Stale' : 'Current',
    })),
  }));
  const value = { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${apiVersion}`, metadata: {}, items };
  const bytes = Buffer.from(`${JSON.stringify(value)}\n`);
  const contentType = `application/json;g=apidiscovery.k8s.io;v=${apiVersion};as=APIGroupDiscoveryList`;
  return { contentType, bytes, etag: etagOf(bytes) };
}

function aggregatedResources({ group, kinds, external }: GroupVersion): readonly ExternalResource[] {
  if (external) return external.resources ?? [];
  const resources = kinds.map(aggregatedResource);
  if (group) return resources;
  const { singular, kind, verbs } = BINDINGS;
  const responseKind = { group: '', version: 'v1', kind };
  return [{ resource: 'bindings', responseKind, scope: 'Namespaced', singularResource: singular, verbs }, ...resources];
}

function aggregatedResource(kind: AnyKind): ExternalResource {
  const { group, plural, singular, namespaced, shortNames, categories, version } = kind;
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
}
