// The pod template of a Job's pods: tracked, and for an indexed Job with the index wherever a program may look for it. Pure.
import type { Job } from '../kinds/types/batch_v1.js';
import type { Container, Pod, PodTemplateSpec } from '../kinds/types/core_v1.js';
import { failureVerdict } from './job-failure-policy.js';
import {
  ANNOTATION_INDEX_FAILURES,
  ANNOTATION_INDEX_IGNORED,
  COMPLETION_INDEX,
  FINALIZER_TRACKING,
  failuresBefore,
  type IndexFailures,
} from './job-pods.js';

const ENV_INDEX = 'JOB_COMPLETION_INDEX';
/** What the server's random suffix leaves of a name. */
const MAX_GENERATE_NAME = 58;

export function trackedTemplate({ spec: { template } }: Job): PodTemplateSpec {
  const finalizers = [...new Set([...(template.metadata.finalizers ?? []), FINALIZER_TRACKING])];
  return { ...template, metadata: { ...template.metadata, finalizers } };
}

/** `replaced` is the pod of the index that failed before, of a Job that counts failures by index. */
export function indexedTemplate(job: Job, index: number, replaced: Pod | undefined): PodTemplateSpec {
  const { metadata, spec } = trackedTemplate(job);
  const { initContainers } = spec;
  return {
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, [COMPLETION_INDEX]: String(index) },
      annotations: { ...metadata.annotations, [COMPLETION_INDEX]: String(index), ...failureAnnotations(job, replaced) },
    },
    spec: {
      ...spec,
      hostname: `${job.metadata.name}-${index}`,
      containers: spec.containers.map(withIndex),
      ...(initContainers ? { initContainers: initContainers.map(withIndex) } : {}),
    },
  };
}

export function indexedGenerateName({ metadata }: Job, index: number): string {
  const suffix = `-${index}-`;
  return metadata.name.slice(0, MAX_GENERATE_NAME - suffix.length) + suffix;
}

function withIndex(container: Container): Container {
  const { env = [] } = container;
  if (env.some(({ name }) => name === ENV_INDEX)) return container;
  const valueFrom = { fieldRef: { fieldPath: `metadata.labels['${COMPLETION_INDEX}']` } };
  return { ...container, env: [...env, { name: ENV_INDEX, valueFrom }] };
}

function failureAnnotations(job: Job, replaced: Pod | undefined): { readonly [name: string]: string } {
  if (job.spec.backoffLimitPerIndex === undefined) return {};
  const { counted, ignored } = replaced ? failuresWith(job, replaced) : { counted: 0, ignored: 0 };
  return { [ANNOTATION_INDEX_FAILURES]: String(counted), ...(ignored > 0 ? { [ANNOTATION_INDEX_IGNORED]: String(ignored) } : {}) };
}

/** An index's failures, that of `pod` among them. */
function failuresWith(job: Job, pod: Pod): IndexFailures {
  const { counted, ignored } = failuresBefore(pod);
  return failureVerdict(job, pod).action === 'Ignore' ? { counted, ignored: ignored + 1 } : { counted: counted + 1, ignored };
}
