// A static pod from the text of its manifest: what the API server would make of it, and what the kubelet adds. Pure.
import { createHash } from 'node:crypto';
import { decodeYaml } from '../../../src/apimachinery/codec/yaml.js';
import { isJsonObject } from '../../../src/apimachinery/json.js';
import { isDns1123Subdomain } from '../../../src/apimachinery/names.js';
import { normalize } from '../../../src/apimachinery/normalize.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Mutable } from '../../../src/kinds/define.js';
import { schemas } from '../../../src/kinds/index.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { ANNOTATION_CONFIG_SOURCE, NAMESPACE_DEFAULT } from '../../../src/kinds/wellknown.js';
import { ANNOTATION_CONFIG_HASH, ANNOTATION_CONFIG_SEEN } from './mirror.js';

export interface ManifestContext {
  readonly path: string;
  readonly nodeName: string;
  /** RFC 3339. */
  readonly seenAt: string;
}

/** Throws an Error that says what is wrong with it. Same text, same place, same uid: that is how a restarted agent knows its pods. */
export function staticPod(text: Uint8Array, { path, nodeName, seenAt }: ManifestContext): Pod {
  const parsed = decodeYaml(text);
  if (!isJsonObject(parsed) || parsed['kind'] !== 'Pod' || parsed['apiVersion'] !== 'v1') throw new Error('it is no Pod of v1');
  const pod = normalize(schemas.get(pods.schema), parsed).object as unknown as Mutable<Pod>;
  if (!pod.metadata.name) throw new Error('metadata.name: it has no name');
  const uid = pod.metadata.uid || hash(nodeName, path, JSON.stringify(pod));
  pods.defaults?.(pod);
  pod.spec.nodeName = nodeName;
  // As upstream: what is bound to the node is not evicted from it by taints.
  pod.spec.tolerations = [...(pod.spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }];
  pod.metadata = {
    ...pod.metadata,
    name: `${pod.metadata.name}-${nodeName.toLowerCase()}`,
    namespace: pod.metadata.namespace || NAMESPACE_DEFAULT,
    uid,
    creationTimestamp: seenAt,
    annotations: {
      ...pod.metadata.annotations,
      [ANNOTATION_CONFIG_HASH]: uid,
      [ANNOTATION_CONFIG_SEEN]: seenAt,
      [ANNOTATION_CONFIG_SOURCE]: 'file',
    },
  };
  pod.status = { phase: 'Pending' };
  const problems = [
    ...isDns1123Subdomain(pod.metadata.name),
    ...(pods.validate?.(pod as Pod, undefined) ?? []).map(({ field, message }) => `${field}: ${message}`),
  ];
  if (problems.length > 0) throw new Error(problems.join(', '));
  return pod as Pod;
}

/** Upstream's is an MD5, too: it names, and guards nothing. */
function hash(...parts: readonly string[]): string {
  return createHash('md5').update(parts.join('\0')).digest('hex');
}
