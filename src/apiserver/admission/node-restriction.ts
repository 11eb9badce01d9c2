// NodeRestriction: a kubelet writes its own Node, its own Lease and the status of its own pods, and asks for tokens of their accounts.
import type { KubeObject } from '../../apimachinery/object.js';
import { leases } from '../../kinds/coordination/lease.js';
import { nodes } from '../../kinds/core/node.js';
import { persistentVolumes } from '../../kinds/core/persistentvolume.js';
import { pods } from '../../kinds/core/pod.js';
import { serviceAccounts } from '../../kinds/core/serviceaccount.js';
import type { TokenRequest } from '../../kinds/types/authentication_v1.js';
import type { Node, PersistentVolume, Pod } from '../../kinds/types/core_v1.js';
import { NAMESPACE_NODE_LEASE } from '../../kinds/wellknown.js';
import { apiAudiences } from '../authentication/authenticator.js';
import { findObject } from '../authentication/service-account-tokens.js';
import { nodeOf } from '../authorization/node.js';
import type { ApiContext } from '../context.js';
import { type AdmissionPlugin, type AdmissionRequest, type Refuse, refusal } from './admission.js';
import { checkNodeWrite } from './node-restriction-node.js';
import { checkMirrorPod } from './node-restriction-pod.js';
import { checkVolumeWrite } from './node-restriction-volume.js';

interface Check {
  readonly request: AdmissionRequest;
  readonly object: KubeObject | undefined;
  readonly node: string;
  readonly refuse: Refuse;
  readonly context: ApiContext;
}

export const nodeRestriction: AdmissionPlugin = {
  name: 'NodeRestriction',
  operations: ['CREATE', 'UPDATE', 'DELETE'],
  async validate(request, object, context) {
    const node = nodeOf(request.exchange.user);
    if (node === undefined) return;
    const refuse: Refuse = (why) => {
      throw refusal(request, object, why);
    };
    if (node === '') refuse(`could not determine node from user ${JSON.stringify(request.exchange.user.name)}`);
    const check: Check = { request, object, node, refuse, context };
    switch (request.resource.kind) {
      case pods:
        return checkPod(check);
      case nodes:
        return checkNodeWrite(request, object as Node | undefined, node, refuse);
      case serviceAccounts:
        return request.subresource === 'token' ? checkToken(check) : undefined;
      case leases:
        return checkLease(check);
      case persistentVolumes:
        return checkVolumeWrite(request, object as PersistentVolume | undefined, node, refuse);
      default:
        return checkOther(check);
    }
  },
};

async function checkPod({ request, object, node, refuse, context }: Check): Promise<void> {
  const { operation, subresource, name, namespace } = request;
  const quoted = JSON.stringify(node);
  const ours = (pod: KubeObject | undefined, what: string) => {
    if ((pod as Pod | undefined)?.spec.nodeName !== node) refuse(`node ${quoted} can only ${what} with spec.nodeName set to itself`);
  };
  switch (subresource) {
    case undefined:
      if (operation === 'CREATE') return checkMirrorPod(object as Pod, await findObject(context, nodes, { name: node }), node, refuse);
      if (operation === 'DELETE') return ours(request.old, 'delete pods');
      return refuse(`unexpected operation "${operation}", node ${quoted} can only create and delete mirror pods`);
    case 'status':
      ours(request.old, 'update pod status for pods');
      if (!sameLabels(object!, request.old!)) refuse(`node ${quoted} cannot update labels through pod status`);
      return;
    case 'eviction':
      return ours(await findObject(context, pods, { namespace, name }), 'evict pods');
    default:
      return refuse(`unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`);
  }
}

const sameLabels = (a: KubeObject, b: KubeObject) => {
  const [left, right] = [a.metadata.labels ?? {}, b.metadata.labels ?? {}];
  return Object.keys({ ...left, ...right }).every((key) => left[key] === right[key]);
};

/** Bound to a pod of its own that runs as the account, so that it ends with it. */
async function checkToken({ request, object, node, refuse, context }: Check): Promise<void> {
  const { boundObjectRef: ref, audiences = [] } = (object as unknown as TokenRequest).spec;
  if (ref?.kind !== 'Pod' || ref.apiVersion !== 'v1' || !ref.name) return refuse('node requested token not bound to a pod');
  if (!ref.uid) return refuse('node requested token with a pod binding without a uid');
  const pod = (await findObject(context, pods, { namespace: request.namespace, name: ref.name }, ref.uid)) as Pod | undefined;
  if (!pod) return refuse(`pod "${ref.name}" not found`);
  if (pod.metadata.uid !== ref.uid) {
    return refuse(
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  if (pod.spec.nodeName !== node) return refuse('node requested token bound to a pod scheduled on a different node');
  const wanted = (pod.spec.volumes ?? []).flatMap(({ projected }) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }) => (serviceAccountToken ? [serviceAccountToken.audience ?? ''] : [])),
  );
  const own = apiAudiences(context.options);
  for (const audience of audiences) {
    if (wanted.includes(audience) || own.includes(audience)) continue;
    refuse(
      `audience ${JSON.stringify(audience)} not found in pod spec volume, ${request.exchange.user.name} is not authorized to request tokens for this audience`,
    );
  }
}

function checkLease({ request, object, node, refuse }: Check): void {
  if (request.namespace !== NAMESPACE_NODE_LEASE) refuse(`can only access leases in namespace "${NAMESPACE_NODE_LEASE}"`);
  const name = request.operation === 'CREATE' ? object!.metadata.name : request.name;
  if (name !== node) refuse('can only access node lease with the same name as the requesting node');
}

function checkOther({ request, object, node, refuse }: Check): void {
  const { group, plural } = request.resource.kind;
  if (group === 'storage.k8s.io' && plural === 'csinodes') {
    const name = request.operation === 'CREATE' ? object!.metadata.name : request.name;
    if (name !== node) refuse('can only access CSINode with the same name as the requesting node');
  }
  if (group === 'resource.k8s.io' && plural === 'resourceslices') {
    const { nodeName } = ((object ?? request.old) as unknown as { spec?: { nodeName?: string } })?.spec ?? {};
    if (nodeName !== node) refuse(`can only create ResourceSlice with the same NodeName as the requesting node`);
  }
}
