// The subresources of a kind as discovery and OpenAPI documents tell of them.
import { pods } from '../kinds/core/pod.js';
import type { AnyKind } from '../kinds/define.js';
import { EVICTION } from './handlers/eviction.js';

export interface SubresourceInfo {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

const VIEW_VERBS = ['get', 'patch', 'update'];
/** What is passed on goes by any method. */
const PROXY_VERBS = ['create', 'delete', 'get', 'patch', 'update'];

/** All subresources that a kind has, by name. */
export function subresourcesOf(kind: AnyKind): readonly SubresourceInfo[] {
  const { status, scale, actions = {}, reviews = {}, writable = {}, connect = [] } = kind.subresources ?? {};
  const own = (name: string, verbs: readonly string[], as = kind.kind): SubresourceInfo => {
    const { group, version } = kind;
    return { name, group, version, kind: as, verbs };
  };
  const out = [
    ...connect.map((name) => connection(kind, name, own)),
    ...Object.keys(writable).map((name) => own(name, VIEW_VERBS)),
    ...Object.entries({ ...actions, ...reviews }).map(([name, action]) => ({
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

type Own = (name: string, verbs: readonly string[], as?: string) => SubresourceInfo;

function connection(kind: AnyKind, name: string, own: Own): SubresourceInfo {
  if (name === 'log') return own(name, ['get']);
  if (name === 'proxy') return own(name, PROXY_VERBS, `${kind.kind}ProxyOptions`);
  return own(name, ['create', 'get'], CONNECT_KINDS[name]);
}

function groupVersion(text: string): { group: string; version: string } {
  const [group, version] = text.includes('/') ? text.split('/') : ['', text];
  return { group: group!, version: version! };
}
