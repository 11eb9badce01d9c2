// The pods that a file would bring about: those in it, and the first of each workload, made of its template. Pure.
import type { JsonObject } from '../../apimachinery/json.js';
import { badRequest } from '../../apimachinery/status.js';
import { type ManifestObject, parseManifest } from '../../cluster/manifests/documents.js';

/** Where a kind has its template. */
const TEMPLATES: { readonly [kind: string]: readonly string[] } = {
  ReplicationController: ['template'],
  ReplicaSet: ['template'],
  Deployment: ['template'],
  StatefulSet: ['template'],
  Job: ['template'],
  CronJob: ['jobTemplate', 'spec', 'template'],
};

export interface FilePods {
  readonly pods: readonly JsonObject[];
  /** `Service/web`: what has no pods of its own. */
  readonly others: readonly string[];
}

/** Objects without a namespace are in `namespace`. Throws StatusError 400 for a file that brings about no pod. */
export function podsOf(text: string, namespace: string): FilePods {
  const objects = parse(text);
  const pods: JsonObject[] = [];
  const others: string[] = [];
  for (const object of objects) {
    const pod = object.kind === 'Pod' ? (object as JsonObject) : fromTemplate(object);
    if (!pod) {
      others.push(`${object.kind}/${object.metadata.name}`);
      continue;
    }
    const own = object.metadata['namespace'];
    pods.push({ ...pod, metadata: { ...(pod['metadata'] as JsonObject), namespace: typeof own === 'string' && own ? own : namespace } });
  }
  if (pods.length > 0) return { pods, others };
  if (others.length === 0) throw badRequest('there is no object in the file');
  const hint = objects.some(({ kind }) => kind === 'DaemonSet') ? '. A DaemonSet names the node of each of its pods itself' : '';
  throw badRequest(`no pods are made of ${others.join(', ')}: the file needs a Pod, or one of ${Object.keys(TEMPLATES).join(', ')}${hint}`);
}

function parse(text: string): readonly ManifestObject[] {
  try {
    return parseManifest(text);
  } catch (error) {
    throw badRequest((error as Error).message);
  }
}

function fromTemplate({ kind, metadata, spec }: ManifestObject & { readonly spec?: unknown }): JsonObject | undefined {
  const path = Object.hasOwn(TEMPLATES, kind) ? TEMPLATES[kind]! : undefined;
  if (!path) return undefined;
  const template = path.reduce((at: unknown, key) => (at as JsonObject | undefined)?.[key], spec) as JsonObject | undefined;
  if (!template?.['spec']) throw badRequest(`${kind}/${metadata.name} has no spec.${path.join('.')}.spec`);
  const { name: _, ...labels } = (template['metadata'] ?? {}) as JsonObject;
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...labels, generateName: `${metadata.name}-` }, spec: template['spec'] };
}
