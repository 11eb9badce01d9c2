// The downward API: a pod's own fields and its containers' resources, by fieldRef and resourceFieldRef.
import { parseQuantity } from '../../src/apimachinery/quantity.js';
import { resourceAmount } from '../../src/kinds/core/podutil.js';
import type { Container, Pod, ResourceFieldSelector } from '../../src/kinds/types/core_v1.js';

/** What a pod's fields can refer to besides the pod itself. */
export interface NodeFacts {
  readonly name: string;
  readonly ips: readonly string[];
  readonly memory_bytes: number;
  /** Stands in for a limit that a container does not have. In `resourceAmount` units. */
  readonly allocatable: ReadonlyMap<string, number>;
}

/** True where the value is not known before the pod's network is set up. */
export const needsPodIp = (fieldPath: string) => fieldPath === 'status.podIP' || fieldPath === 'status.podIPs';

/** undefined where there is no such field, or its part (a label, an annotation) is absent: the caller decides. */
export function fieldValue(pod: Pod, fieldPath: string, podIps: readonly string[], node: NodeFacts): string | undefined {
  const { metadata, spec } = pod;
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(fieldPath);
  if (subscript) return metadata[subscript[1] as 'labels' | 'annotations']?.[subscript[2]!] ?? '';
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace;
    case 'metadata.uid':
      return metadata.uid;
    case 'metadata.labels':
      return formatMap(metadata.labels);
    case 'metadata.annotations':
      return formatMap(metadata.annotations);
    case 'spec.nodeName':
      return spec.nodeName ?? node.name;
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return node.ips[0] ?? '';
    case 'status.hostIPs':
      return node.ips.join(',');
    case 'status.podIP':
      return podIps[0] ?? '';
    case 'status.podIPs':
      return podIps.join(',');
    default:
      return undefined;
  }
}

/** `key="value"` lines in the order of the keys, as downward API files hold them. */
function formatMap(map: { readonly [key: string]: string } | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}

/** Rounded up to whole divisors; undefined where the resource is not one that can be referred to. */
export function resourceValue(container: Container, selector: ResourceFieldSelector, node: NodeFacts): string | undefined {
  const [kind, name] = selector.resource.split('.') as ['limits' | 'requests', string | undefined];
  if ((kind !== 'limits' && kind !== 'requests') || !name) return undefined;
  const { limits, requests } = container.resources ?? {};
  const given = kind === 'limits' ? limits?.[name] : (requests?.[name] ?? limits?.[name]);
  const fallback = kind === 'limits' ? node.allocatable.get(name) : 0;
  if (given === undefined && (fallback === undefined || !DEFAULTED.has(name))) return undefined;
  const divisor = selector.divisor === undefined || parseQuantity(selector.divisor) === 0 ? 1 : selector.divisor;
  const amount = given === undefined ? fallback! : resourceAmount(name, given);
  return String(Math.ceil(amount / resourceAmount(name, divisor)));
}

/** What every container has some of. */
const DEFAULTED = new Set(['cpu', 'memory', 'ephemeral-storage']);
