// PodSecurity: pods that violate the level that their namespace enforces are refused; what violates the level it warns of is told.
import type { KubeObject } from '../../apimachinery/object.js';
import { invalidObject } from '../../apimachinery/status.js';
import { namespaces } from '../../kinds/core/namespace.js';
import { pods } from '../../kinds/core/pod.js';
import type { Pod, PodTemplateSpec } from '../../kinds/types/core_v1.js';
import type { ApiContext } from '../context.js';
import type { CheckedPod } from '../pod-security/check.js';
import {
  isStricter,
  LABEL_PREFIX,
  levelOf,
  levelText,
  type Mode,
  validateLabels,
  violationsOf,
  violationsText,
} from '../pod-security/policy.js';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from './admission.js';
import { lookUp, lookUpAll } from './lookup.js';

/** Pods that are looked at when a namespace's level becomes stricter: upstream's bound. */
const MAX_EXISTING_PODS = 3000;

export const podSecurity: AdmissionPlugin = {
  name: 'PodSecurity',
  operations: ['CREATE', 'UPDATE'],
  resources: [
    'namespaces',
    'pods',
    'podtemplates',
    'replicationcontrollers',
    'replicasets.apps',
    'deployments.apps',
    'statefulsets.apps',
    'daemonsets.apps',
    'jobs.batch',
    'cronjobs.batch',
  ],
  async validate(request, object, context) {
    const { kind } = request.resource;
    if (kind === namespaces) return validateNamespace(request, object!, context);
    if (kind === pods) return validatePod(request, object as Pod, context);
    if (!request.subresource) await warnOfTemplate(request, object!, context);
  },
};

const labelsOf = async (context: ApiContext, name: string | undefined) =>
  (await lookUp(context, namespaces, { name: name! }))?.metadata.labels;

async function validatePod(request: AdmissionRequest, pod: Pod, context: ApiContext): Promise<void> {
  if (request.subresource && request.subresource !== 'ephemeralcontainers') return;
  const labels = await labelsOf(context, request.namespace);
  if (!labels || (request.operation === 'UPDATE' && !isSignificant(pod, request.old as Pod))) return;
  const enforce = levelOf(labels, 'enforce');
  const violations = violationsOf(enforce, pod);
  request.exchange.audit?.annotate(`${LABEL_PREFIX}enforce-policy`, levelText(enforce));
  auditPod(request, labels, pod);
  if (violations.length > 0)
    throw refusal(request, pod, `violates PodSecurity ${JSON.stringify(levelText(enforce))}: ${violationsText(violations)}`);
  warn(request, labels, pod);
}

/** What a level may think of differently: nothing else that a pod may change. */
function isSignificant({ spec }: Pod, { spec: old }: Pod): boolean {
  const shape = ({ containers, initContainers = [], ephemeralContainers = [] }: Pod['spec']) =>
    JSON.stringify([containers, initContainers, ephemeralContainers].map((list) => list.map(({ name, image }) => [name, image])));
  return shape(spec) !== shape(old);
}

async function warnOfTemplate(request: AdmissionRequest, object: KubeObject, context: ApiContext): Promise<void> {
  const labels = await labelsOf(context, request.namespace);
  const template = labels && templateOf(object);
  if (!template?.spec) return;
  const pod = { metadata: template.metadata ?? {}, spec: template.spec } as CheckedPod;
  auditPod(request, labels, pod);
  warn(request, labels, pod);
}

interface Templated {
  readonly template?: PodTemplateSpec;
  readonly spec?: {
    readonly template?: PodTemplateSpec;
    readonly jobTemplate?: { readonly spec?: { readonly template?: PodTemplateSpec } };
  };
}

function templateOf(object: KubeObject): PodTemplateSpec | undefined {
  const { template, spec } = object as Templated;
  return template ?? spec?.template ?? spec?.jobTemplate?.spec?.template;
}

function warn({ exchange }: AdmissionRequest, labels: KubeObject['metadata']['labels'], pod: CheckedPod): void {
  const text = wouldViolate(labels, 'warn', pod);
  if (text && !exchange.warnings.includes(text)) exchange.warnings.push(text);
}

/** Only where there is somebody to be told. */
function auditPod({ exchange }: AdmissionRequest, labels: KubeObject['metadata']['labels'], pod: CheckedPod): void {
  const text = exchange.audit && wouldViolate(labels, 'audit', pod);
  if (text) exchange.audit?.annotate(`${LABEL_PREFIX}audit-violations`, text);
}

function wouldViolate(labels: KubeObject['metadata']['labels'], mode: Mode, pod: CheckedPod): string | undefined {
  const level = levelOf(labels, mode);
  const violations = violationsOf(level, pod);
  return violations.length === 0
    ? undefined
    : `would violate PodSecurity ${JSON.stringify(levelText(level))}: ${violationsText(violations)}`;
}

async function validateNamespace(request: AdmissionRequest, namespace: KubeObject, context: ApiContext): Promise<void> {
  if (request.subresource) return;
  const { name, labels } = namespace.metadata;
  const errors = validateLabels(labels);
  // What was wrong before may stay, so that the rest can be changed.
  if (errors.length > 0 && (request.operation === 'CREATE' || validateLabels(request.old!.metadata.labels).length === 0)) {
    throw invalidObject('', 'Namespace', name, errors);
  }
  const [before, now] = [levelOf(request.old?.metadata.labels, 'enforce'), levelOf(labels, 'enforce')];
  if (request.operation === 'UPDATE' && isStricter(now, before)) {
    for (const text of await existingViolations(context, name, now)) request.exchange.warnings.push(text);
  }
}

/** Pods of one kind of violation are told as one. */
async function existingViolations(context: ApiContext, namespace: string, level: ReturnType<typeof levelOf>): Promise<readonly string[]> {
  const all = await lookUpAll(context, pods, namespace);
  const byReasons = new Map<string, string[]>();
  for (const pod of all.slice(0, MAX_EXISTING_PODS)) {
    const reasons = violationsOf(level, pod).map(({ reason }) => reason);
    if (reasons.length === 0) continue;
    const key = reasons.join(', ');
    byReasons.set(key, [...(byReasons.get(key) ?? []), pod.metadata.name]);
  }
  if (byReasons.size === 0) return [];
  const lines = [...byReasons].map(([reasons, [first, ...others]]) => {
    const more = others.length === 0 ? '' : ` (and ${others.length} other ${others.length === 1 ? 'pod' : 'pods'})`;
    return `${first}${more}: ${reasons}`;
  });
  const head = `existing pods in namespace ${JSON.stringify(namespace)} violate the new PodSecurity enforce level ${JSON.stringify(levelText(level))}`;
  return [head, ...lines.sort()];
}
