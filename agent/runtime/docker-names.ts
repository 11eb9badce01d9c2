// Names and labels of a pod's Docker containers, as dockershim gave them: what a restarted agent knows its containers by.
import type { ContainerConfig, ContainerUser, PodSandboxConfig } from './config.js';

export const LABEL_TYPE = 'io.kubernetes.docker.type';
export const LABEL_POD_NAME = 'io.kubernetes.pod.name';
export const LABEL_POD_NAMESPACE = 'io.kubernetes.pod.namespace';
export const LABEL_POD_UID = 'io.kubernetes.pod.uid';
export const LABEL_CONTAINER_NAME = 'io.kubernetes.container.name';
export const LABEL_SANDBOX_ID = 'io.kubernetes.sandbox.id';
const LABEL_GRACE_PERIOD = 'annotation.io.kubernetes.pod.terminationGracePeriod';
const LABEL_HASH = 'annotation.io.kubernetes.container.hash';
const LABEL_RESTART_COUNT = 'annotation.io.kubernetes.container.restartCount';
const LABEL_MESSAGE_POLICY = 'annotation.io.kubernetes.container.terminationMessagePolicy';
/** Ours: where the message lies on the node, since only the path inside the container is upstream's to know. */
const LABEL_MESSAGE_FILE = 'annotation.porthole/termination-message-file';
/** Ours: `uid:gid:group,group`, which the engine finds out and does not tell. */
const LABEL_USER = 'annotation.porthole/user';

export const TYPE_SANDBOX = 'podsandbox';
export const TYPE_CONTAINER = 'container';
/** The name that stands for the sandbox where a container's name is expected. */
const SANDBOX_NAME = 'POD';

export type Labels = { readonly [key: string]: string };

/** `k8s_<container>_<pod>_<namespace>_<uid>_<attempt>`; none of the parts can hold an underscore. */
export function containerName(container: string, pod: PodSandboxConfig, attempt: number): string {
  return ['k8s', container, pod.name, pod.namespace, pod.uid, attempt].join('_');
}

export const sandboxName = (pod: PodSandboxConfig) => containerName(SANDBOX_NAME, pod, pod.attempt);

function podLabels(pod: PodSandboxConfig): Labels {
  return {
    [LABEL_POD_NAME]: pod.name,
    [LABEL_POD_NAMESPACE]: pod.namespace,
    [LABEL_POD_UID]: pod.uid,
    [LABEL_GRACE_PERIOD]: String(pod.terminationGracePeriod_s),
  };
}

export function sandboxLabels(pod: PodSandboxConfig): Labels {
  return {
    ...podLabels(pod),
    [LABEL_TYPE]: TYPE_SANDBOX,
    [LABEL_CONTAINER_NAME]: SANDBOX_NAME,
    [LABEL_RESTART_COUNT]: String(pod.attempt),
  };
}

export function containerLabels(pod: PodSandboxConfig, sandboxId: string, container: ContainerConfig): Labels {
  return {
    ...podLabels(pod),
    [LABEL_TYPE]: TYPE_CONTAINER,
    [LABEL_CONTAINER_NAME]: container.name,
    [LABEL_SANDBOX_ID]: sandboxId,
    [LABEL_HASH]: container.hash,
    [LABEL_RESTART_COUNT]: String(container.attempt),
    [LABEL_MESSAGE_POLICY]: container.terminationMessagePolicy,
    [LABEL_MESSAGE_FILE]: container.terminationMessageFile,
    ...userLabel(container.security.runsAs),
  };
}

const userLabel = (user: ContainerUser | undefined): Labels =>
  user ? { [LABEL_USER]: `${user.uid}:${user.gid}:${user.supplementalGroups.join()}` } : {};

/** undefined where it was not known, or the container is an agent's from before there was the label. */
export function userOf(labels: Labels): ContainerUser | undefined {
  const [, uid, gid, groups] = /^(\d+):(\d+):([\d,]+)$/.exec(labels[LABEL_USER] ?? '') ?? [];
  return groups === undefined ? undefined : { uid: Number(uid), gid: Number(gid), supplementalGroups: groups.split(',').map(Number) };
}

export const hashOf = (labels: Labels) => labels[LABEL_HASH] ?? '';
export const attemptOf = (labels: Labels) => Number(labels[LABEL_RESTART_COUNT] ?? 0) || 0;
export const messageFileOf = (labels: Labels) => labels[LABEL_MESSAGE_FILE] ?? '';
export const messagePolicyOf = (labels: Labels) =>
  labels[LABEL_MESSAGE_POLICY] === 'FallbackToLogsOnError' ? 'FallbackToLogsOnError' : 'File';
/** Upstream's default where the label is unreadable. */
export const gracePeriodOf = (labels: Labels) => Number(labels[LABEL_GRACE_PERIOD] ?? 30) || 0;
