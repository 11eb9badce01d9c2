// What a kubelet may write of Nodes: its own, without taints once it is there, and no labels that others use to keep it from pods.
import { isDeepStrictEqual } from 'node:util';
import type { Node } from '../../kinds/types/core_v1.js';
import type { AdmissionRequest, Refuse } from './admission.js';

/** Of Kubernetes' own domains, those that kubelets set. */
const KUBELET_LABELS: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.kubernetes.io/region',
  'failure-domain.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
]);
const KUBELET_DOMAINS = ['kubelet.kubernetes.io', 'node.kubernetes.io'];
const isIn = (name: string, domain: string) => name === domain || name.endsWith(`.${domain}`);

export function checkNodeWrite(request: AdmissionRequest, object: Node | undefined, node: string, refuse: Refuse): void {
  const { operation, old } = request;
  const quoted = JSON.stringify(node);
  const name = operation === 'CREATE' ? object!.metadata.name : request.name;
  if (name !== node) refuse(`node ${quoted} is not allowed to modify node ${JSON.stringify(name)}`);
  if (!object) return;
  const before = old as Node | undefined;
  const changed = changedLabels(object.metadata.labels, before?.metadata.labels);
  const wrong = changed.filter(isRefused);
  if (wrong.length > 0) {
    const what = operation === 'CREATE' ? 'is not allowed to set the following labels:' : 'is not allowed to modify labels:';
    refuse(`node ${quoted} ${what} ${wrong.join(', ')}`);
  }
  if (!before) return;
  if (!isDeepStrictEqual(object.spec.taints ?? [], before.spec.taints ?? [])) refuse(`node ${quoted} is not allowed to modify taints`);
  if (!isDeepStrictEqual(object.metadata.ownerReferences ?? [], before.metadata.ownerReferences ?? [])) {
    refuse(`node ${quoted} is not allowed to modify ownerReferences`);
  }
}

function changedLabels(now: Node['metadata']['labels'] = {}, before: Node['metadata']['labels'] = {}): readonly string[] {
  return Object.keys({ ...now, ...before })
    .filter((label) => now[label] !== before[label])
    .sort();
}

function domainOf(label: string): string {
  const slash = label.indexOf('/');
  return slash < 0 ? '' : label.slice(0, slash);
}

/** Those of Kubernetes' own domains that no kubelet sets. */
function isRefused(label: string): boolean {
  const domain = domainOf(label);
  if (isIn(domain, 'node-restriction.kubernetes.io')) return true;
  if (!isIn(domain, 'kubernetes.io') && !isIn(domain, 'k8s.io')) return false;
  return !KUBELET_LABELS.has(label) && !KUBELET_DOMAINS.some((allowed) => isIn(domain, allowed));
}
