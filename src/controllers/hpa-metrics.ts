// What each of an autoscaler's metrics shows and asks for, by its type.
import type { MetricSpec } from '../kinds/types/autoscaling_v2.js';
import type { ReconcileContext } from './define.js';
import { proposeByExternal, proposeByObject, proposeByPods } from './hpa-custom.js';
import type { Proposal, Target } from './hpa-proposal.js';
import { MetricError } from './hpa-replicas.js';
import { proposeByResource } from './hpa-resource.js';

/** Each type's reason where it cannot be told. */
export const FAILURE_REASONS: { readonly [type: string]: string } = {
  Resource: 'FailedGetResourceMetric',
  ContainerResource: 'FailedGetContainerResourceMetric',
  Pods: 'FailedGetPodsMetric',
  Object: 'FailedGetObjectMetric',
  External: 'FailedGetExternalMetric',
};

/** Throws MetricError. */
export async function propose(context: ReconcileContext, target: Target, spec: MetricSpec): Promise<Proposal> {
  const { type, resource, containerResource, pods, object, external } = spec;
  if (type === 'Resource' && resource) {
    const { current, ...proposal } = await proposeByResource(context, target, resource.name, resource.target, undefined);
    return { ...proposal, status: { type, resource: { name: resource.name, current } } };
  }
  if (type === 'ContainerResource' && containerResource) {
    const { name, container } = containerResource;
    const { current, ...proposal } = await proposeByResource(context, target, name, containerResource.target, container);
    return { ...proposal, status: { type, containerResource: { name, container, current } } };
  }
  if (type === 'Pods' && pods) {
    const { current, ...proposal } = await proposeByPods(context, target, pods);
    return { ...proposal, status: { type, pods: { metric: pods.metric, current } } };
  }
  if (type === 'Object' && object) {
    const { current, ...proposal } = await proposeByObject(context, target, object);
    return { ...proposal, status: { type, object: { metric: object.metric, describedObject: object.describedObject, current } } };
  }
  if (type === 'External' && external) {
    const { current, ...proposal } = await proposeByExternal(context, target, external);
    return { ...proposal, status: { type, external: { metric: external.metric, current } } };
  }
  throw new MetricError(`unknown metric source type ${JSON.stringify(type)}`);
}
