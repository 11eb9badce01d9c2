// What upstream warns of in pods and pod templates: what is deprecated, does nothing, or is most likely a mistake.
import { isDns1123Label } from '../../apimachinery/names.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { milliValue } from '../../apimachinery/quantity.js';
import type { Container, ContainerPort, NodeSelectorTerm, Pod, PodSpec, PodTemplateSpec, Volume } from '../types/core_v1.js';

type Meta = PodTemplateSpec['metadata'];
type Named = { readonly [name: string]: string };

const DEPRECATED_NODE_LABELS: Named = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  'app.kubernetes.io/created-by': 'deprecated since v1.9',
  'scheduler.alpha.kubernetes.io/preferAvoidPods': 'deprecated since v1.22; use Taints and Tolerations instead',
  'node-role.kubernetes.io/master': 'use "node-role.kubernetes.io/control-plane" instead',
};
const DEPRECATED_ANNOTATIONS: Named = {
  'scheduler.alpha.kubernetes.io/critical-pod': 'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
};
const DEPRECATED_VOLUMES = {
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  gitRepo: 'deprecated in v1.11, and disabled by default in v1.33+',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  flocker: 'deprecated in v1.22, non-functional in v1.25+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
  quobyte: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
} as const;
const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';
const APPARMOR_CONTAINER = 'container.apparmor.security.beta.kubernetes.io/';
const USE_SECCOMP = 'non-functional in v1.27+; use the "seccompProfile" field instead';
const USE_APPARMOR = 'deprecated since v1.30; use the "appArmorProfile" field instead';
const NULL_SELECTOR = 'a null labelSelector results in matching no pod';

const quoted = (text: string) => JSON.stringify(text);
const keyed = (at: string, key: string) => `${at}[${key}]`;

/** As upstream, only of creations: people do not change pods. */
export const podWarnings = (pod: Pod, old: Pod | undefined): readonly string[] =>
  old ? [] : [...hostnameWarnings("the Pod's hostname", pod), ...specWarnings('', pod.metadata, pod.spec, false)];

/** Of kinds that make pods of a template: of new objects, and where more than the metadata has changed. */
export function templateWarnings(
  object: KubeObject,
  old: KubeObject | undefined,
  at: string,
  template: PodTemplateSpec,
): readonly string[] {
  if (old && old.metadata.generation === object.metadata.generation) return [];
  return specWarnings(`${at}.`, template.metadata, template.spec, true);
}

interface Workload extends KubeObject {
  readonly spec: { readonly template?: PodTemplateSpec };
}

/** Of kinds whose names go into those of their pods. */
export const workloadWarnings = (object: Workload, old: Workload | undefined): readonly string[] => [
  ...(old ? [] : hostnameWarnings('Pod names and hostnames', object)),
  ...(object.spec.template ? templateWarnings(object, old, 'spec.template', object.spec.template) : []),
];

/** Of an object whose name goes into those of its pods. */
export function hostnameWarnings(what: string, { metadata: { name } }: KubeObject): readonly string[] {
  const wrong = isDns1123Label(name);
  if (wrong.length === 0) return [];
  return [
    `metadata.name: this is used in ${what}, which can result in surprising behavior; a DNS label is recommended: [${wrong.join(' ')}]`,
  ];
}

export function nodeLabelWarnings(at: string, labels: Named = {}): readonly string[] {
  return Object.keys(labels).flatMap((label) =>
    Object.hasOwn(DEPRECATED_NODE_LABELS, label) ? [`${keyed(at, label)}: ${DEPRECATED_NODE_LABELS[label]}`] : [],
  );
}

export function nodeTermWarnings(at: string, { matchExpressions = [] }: NodeSelectorTerm): readonly string[] {
  return matchExpressions.flatMap(({ key }, i) => namedLabel(`${at}.matchExpressions[${i}].key`, key));
}

const namedLabel = (at: string, label: string) =>
  Object.hasOwn(DEPRECATED_NODE_LABELS, label) ? [`${at}: ${label} is ${DEPRECATED_NODE_LABELS[label]}`] : [];

/** `at` is '' or the template's path and a dot. */
function specWarnings(at: string, meta: Meta, spec: PodSpec, isTemplate: boolean): readonly string[] {
  const path = `${at}spec`;
  return [
    ...nodeLabelWarnings(`${path}.nodeSelector`, spec.nodeSelector),
    ...affinityWarnings(`${path}.affinity`, spec.affinity),
    ...spreadWarnings(`${path}.topologySpreadConstraints`, spec.topologySpreadConstraints),
    ...annotationWarnings(`${at}metadata.annotations`, meta?.annotations ?? {}, spec, isTemplate),
    ...(spec.volumes ?? []).flatMap((volume, i) => volumeWarnings(`${path}.volumes[${i}]`, volume)),
    ...repeated(
      spec.hostAliases,
      ({ ip }) => ip,
      (i, ip) => `${path}.hostAliases[${i}].ip: duplicate ip ${quoted(ip)}`,
    ),
    ...pullSecretWarnings(`${path}.imagePullSecrets`, spec.imagePullSecrets),
    ...fractionWarnings(`${path}.overhead`, spec.overhead),
    ...containersWithPaths(path, spec).flatMap(([where, container]) => containerWarnings(where, container)),
    ...portWarnings(path, spec),
    ...((spec.terminationGracePeriodSeconds ?? 0) < 0
      ? [`${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`]
      : []),
  ];
}

function affinityWarnings(at: string, affinity: PodSpec['affinity']): readonly string[] {
  if (!affinity) return [];
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  const required = 'requiredDuringSchedulingIgnoredDuringExecution';
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
  const warnings: string[] = [];
  for (const [i, term] of (nodeAffinity?.[required]?.nodeSelectorTerms ?? []).entries())
    warnings.push(...nodeTermWarnings(`${at}.nodeAffinity.${required}.nodeSelectorTerms[${i}]`, term));
  for (const [i, { preference }] of (nodeAffinity?.[preferred] ?? []).entries())
    warnings.push(...nodeTermWarnings(`${at}.nodeAffinity.${preferred}[${i}].preference`, preference));
  for (const [name, pods] of Object.entries({ podAffinity, podAntiAffinity })) {
    for (const [i, { labelSelector }] of (pods?.[required] ?? []).entries())
      if (!labelSelector) warnings.push(`${at}.${name}.${required}[${i}].labelSelector: ${NULL_SELECTOR}`);
    for (const [i, { podAffinityTerm }] of (pods?.[preferred] ?? []).entries())
      if (!podAffinityTerm.labelSelector) warnings.push(`${at}.${name}.${preferred}[${i}].podAffinityTerm.labelSelector: ${NULL_SELECTOR}`);
  }
  return warnings;
}

function spreadWarnings(at: string, constraints: PodSpec['topologySpreadConstraints'] = []): readonly string[] {
  return constraints.flatMap(({ topologyKey, labelSelector }, i) => [
    ...namedLabel(`${at}[${i}].topologyKey`, topologyKey),
    ...(labelSelector ? [] : [`${at}[${i}].labelSelector: ${NULL_SELECTOR}`]),
  ]);
}

function annotationWarnings(at: string, annotations: Named, spec: PodSpec, isTemplate: boolean): readonly string[] {
  const { seccompProfile, appArmorProfile } = spec.securityContext ?? {};
  const containers = containersWithPaths('', spec).map(([, container]) => container);
  const lacks = (field: 'seccompProfile' | 'appArmorProfile', prefix: string, name: string) =>
    name.startsWith(prefix) && containers.some((each) => each.name === name.slice(prefix.length) && !each.securityContext?.[field]);
  const why = (name: string): string | undefined => {
    if (Object.hasOwn(DEPRECATED_ANNOTATIONS, name)) return DEPRECATED_ANNOTATIONS[name];
    if (name === SECCOMP_POD && !seccompProfile) return USE_SECCOMP;
    if (lacks('seccompProfile', SECCOMP_CONTAINER, name)) return USE_SECCOMP;
    return isTemplate && !appArmorProfile && lacks('appArmorProfile', APPARMOR_CONTAINER, name) ? USE_APPARMOR : undefined;
  };
  return Object.keys(annotations).flatMap((name) => {
    const text = why(name);
    return text === undefined ? [] : [`${keyed(at, name)}: ${text}`];
  });
}

function volumeWarnings(at: string, volume: Volume): readonly string[] {
  const claim = volume.ephemeral?.volumeClaimTemplate?.spec;
  return [
    ...Object.entries(DEPRECATED_VOLUMES).flatMap(([type, why]) => (volume[type as keyof Volume] ? [`${at}.${type}: ${why}`] : [])),
    ...(claim ? claimWarnings(`${at}.ephemeral.volumeClaimTemplate.spec`, claim) : []),
  ];
}

export function claimWarnings(at: string, { resources }: { readonly resources?: Container['resources'] }): readonly string[] {
  const storage = (list: Amounts = {}): Amounts => (list['storage'] === undefined ? {} : { storage: list['storage'] });
  return [
    ...fractionWarnings(`${at}.resources.requests`, storage(resources?.requests)),
    ...fractionWarnings(`${at}.resources.limits`, storage(resources?.limits)),
  ];
}

function pullSecretWarnings(at: string, secrets: PodSpec['imagePullSecrets'] = []): readonly string[] {
  return [
    ...repeated(
      secrets,
      ({ name }) => name ?? '',
      (i, name) => `${at}[${i}].name: duplicate name ${quoted(name)}`,
    ),
    ...secrets.flatMap(({ name }, i) => (name ? [] : [`${at}[${i}].name: invalid empty name ""`])),
  ];
}

function containerWarnings(at: string, { resources, env = [] }: Container): readonly string[] {
  return [
    ...fractionWarnings(`${at}.resources.limits`, resources?.limits),
    ...fractionWarnings(`${at}.resources.requests`, resources?.requests),
    ...repeated(
      env,
      ({ name }) => name,
      (i, name) => {
        const { valueFrom, value = '' } = env[i]!;
        const before = `$(${name})`;
        const goesOn = !valueFrom && value !== before && value.includes(before);
        return goesOn ? undefined : `${at}.env[${i}]: hides previous definition of ${quoted(name)}, which may be dropped when using apply`;
      },
    ),
  ];
}

/** All containers, each with the path of its field. */
function containersWithPaths(path: string, spec: PodSpec): readonly (readonly [string, Container])[] {
  const { initContainers = [], containers = [] } = spec;
  return Object.entries({ initContainers, containers }).flatMap(([field, list]) =>
    list.map((container, i) => [`${path}.${field}[${i}]`, container] as const),
  );
}

type Amounts = { readonly [resource: string]: string | number };
const IN_BYTES = ['memory', 'ephemeral-storage', 'storage'];

export function fractionWarnings(at: string, amounts: Amounts = {}): readonly string[] {
  return Object.entries(amounts).flatMap(([resource, amount]) =>
    IN_BYTES.includes(resource) && milliValue(amount) % 1000 !== 0
      ? [`${keyed(at, resource)}: fractional byte value ${quoted(String(amount))} is invalid, must be an integer`]
      : [],
  );
}

/** Ports of all containers of a pod, which share its address. */
function portWarnings(path: string, spec: PodSpec): readonly string[] {
  const warnings: string[] = [];
  const seen = new Map<string, { at: string; port: ContainerPort }[]>();
  for (const [where, { ports = [] }] of containersWithPaths(path, spec)) {
    for (const [i, port] of ports.entries()) {
      const [at, key] = [`${where}.ports[${i}]`, `${port.containerPort}/${port.protocol}`];
      const others = seen.get(key) ?? [];
      for (const other of others) {
        const kind = overlap(port, other.port);
        if (kind) warnings.push(`${at}: ${kind} port definition with ${other.at}`);
      }
      seen.set(key, [...others, { at, port }]);
    }
  }
  return warnings;
}

function overlap(a: ContainerPort, b: ContainerPort): string | undefined {
  const [x, y] = [a.hostPort ?? 0, b.hostPort ?? 0];
  if ((a.hostIP ?? '') === (b.hostIP ?? '') && x === y) return 'duplicate';
  if (x === 0 || y === 0) return 'overlapping';
  return x === y && Boolean(a.hostIP) !== Boolean(b.hostIP) ? 'dangerously ambiguous' : undefined;
}

/** A warning for each item whose key an earlier one has, unless there is none to give. */
function repeated<T>(
  items: readonly T[] = [],
  keyOf: (item: T) => string,
  warn: (index: number, key: string) => string | undefined,
): readonly string[] {
  const seen = new Set<string>();
  return items.flatMap((item, i) => {
    const key = keyOf(item);
    if (!seen.has(key)) {
      seen.add(key);
      return [];
    }
    const warning = warn(i, key);
    return warning === undefined ? [] : [warning];
  });
}
