// What a container is to be, from its spec and all it refers to.
import type { Container, EphemeralContainer, Pod } from '../../src/kinds/types/core_v1.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';
import type { ContainerConfig } from '../runtime/config.js';
import type { Image } from '../runtime/runtime.js';
import type { ReadyVolume } from '../volumes/index.js';
import { containerHash } from './container-hash.js';
import { containerSecurity } from './container-security.js';
import { ContainerConfigError, containerEnv, type EnvSources } from './env.js';
import { expand } from './expand.js';
import type { NodeFacts } from './field-path.js';
import { containerMounts } from './mounts.js';
import type { PodDirs } from './pod-dirs.js';
import { containerResources } from './resources.js';

export interface ContainerConfigContext {
  readonly pod: Pod;
  readonly podIps: readonly string[];
  readonly image: Image;
  readonly volumes: ReadonlyMap<string, ReadyVolume>;
  readonly node: NodeFacts;
  readonly sources: EnvSources;
  readonly dirs: PodDirs;
  readonly oomFloor: number;
  readonly settings: KubeletSettings;
  /** Of the container that an ephemeral one looks into; undefined also where that does not run. */
  readonly targetId: string | undefined;
}

/** Rejects with a ContainerConfigError that names what is missing or not possible. */
export async function containerConfig(container: Container, attempt: number, context: ContainerConfigContext): Promise<ContainerConfig> {
  const { pod, image, volumes, node, dirs, oomFloor, settings } = context;
  const { seccompDefault } = settings;
  const pidNamespace = pidNamespaceOf(container, context);
  const security = await containerSecurity(pod, container, image, { seccompDefault, rootDirectory: dirs.root });
  const env = await containerEnv(container, context);
  const terminationMessageFile = await dirs.makeMessageFile(pod.metadata.uid, container.name, attempt);
  const mounts = await containerMounts(pod, container, env, volumes, dirs, terminationMessageFile);
  const expanded = (words: readonly string[]) => words.map((word) => expand(word, env));
  return {
    name: container.name,
    attempt,
    image: image.id,
    hash: containerHash(container),
    ...(container.command?.length ? { command: expanded(container.command) } : {}),
    ...(container.args?.length ? { args: expanded(container.args) } : {}),
    ...(container.workingDir ? { workingDir: container.workingDir } : {}),
    env: [...env].map(([name, value]) => `${name}=${value}`),
    mounts,
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    ...(container.lifecycle?.stopSignal ? { stopSignal: container.lifecycle.stopSignal } : {}),
    pidNamespace,
    resources: containerResources(container, { spec: pod.spec, nodeMemory_bytes: node.memory_bytes, oomFloor, settings }),
    security,
    terminationMessageFile,
    terminationMessagePolicy: container.terminationMessagePolicy === 'FallbackToLogsOnError' ? 'FallbackToLogsOnError' : 'File',
  };
}

/** An ephemeral container that names a target sees that one's processes, whatever the pod's containers share. */
function pidNamespaceOf(
  { targetContainerName: target }: Container & Partial<EphemeralContainer>,
  { pod: { spec }, targetId }: ContainerConfigContext,
): ContainerConfig['pidNamespace'] {
  if (target && !targetId) throw new ContainerConfigError(`unable to find target container ${target}`);
  if (targetId) return { of: targetId };
  return spec.hostPID ? 'node' : spec.shareProcessNamespace ? 'pod' : 'container';
}
