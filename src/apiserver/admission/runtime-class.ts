// RuntimeClass: a pod gets the overhead, the node selector and the tolerations of its runtime class.
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../../apimachinery/object.js';
import type { Mutable } from '../../kinds/define.js';
import { runtimeClasses } from '../../kinds/node/runtimeclass.js';
import type { Pod } from '../../kinds/types/core_v1.js';
import type { RuntimeClass } from '../../kinds/types/node_v1.js';
import type { ApiContext } from '../context.js';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from './admission.js';
import { lookUp } from './lookup.js';

export const runtimeClass: AdmissionPlugin = {
  name: 'RuntimeClass',
  operations: ['CREATE'],
  resources: ['pods'],
  async admit(request, object, context) {
    const pod = object as Mutable<Pod>;
    if (request.subresource) return;
    const found = await classOf(request, pod, context);
    if (!found) return;
    setOverhead(request, pod, found);
    setScheduling(request, pod, found);
  },
  async validate(request, object, context) {
    const pod = object as Pod;
    if (request.subresource || !pod.spec.overhead) return;
    const found = pod.spec.runtimeClassName ? await lookUp(context, runtimeClasses, { name: pod.spec.runtimeClassName }) : undefined;
    if (!found?.overhead) throw refusal(request, pod, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
  },
};

async function classOf(request: AdmissionRequest, pod: Mutable<Pod>, context: ApiContext): Promise<RuntimeClass | undefined> {
  const name = pod.spec.runtimeClassName;
  if (!name) return undefined;
  const found = await lookUp(context, runtimeClasses, { name });
  if (!found) throw refusal(request, pod as KubeObject, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
  return found;
}

function setOverhead(request: AdmissionRequest, pod: Mutable<Pod>, { overhead }: RuntimeClass): void {
  if (!overhead) return;
  const wanted = overhead.podFixed ?? {};
  if (pod.spec.overhead && !isDeepStrictEqual(pod.spec.overhead, wanted)) {
    throw refusal(request, pod as KubeObject, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
  }
  pod.spec.overhead = { ...wanted };
}

function setScheduling(request: AdmissionRequest, pod: Mutable<Pod>, { scheduling }: RuntimeClass): void {
  if (!scheduling) return;
  const { spec } = pod;
  for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    const own = spec.nodeSelector?.[key];
    if (own !== undefined && own !== value) {
      const conflict = `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`;
      throw refusal(request, pod as KubeObject, conflict);
    }
    spec.nodeSelector = { ...spec.nodeSelector, [key]: value };
  }
  const more = (scheduling.tolerations ?? []).filter((each) => !spec.tolerations?.some((own) => isDeepStrictEqual(own, each)));
  if (more.length > 0)
    spec.tolerations = [...(spec.tolerations ?? []), ...structuredClone(more)] as Mutable<Pod>['spec']['tolerations'] & object;
}
