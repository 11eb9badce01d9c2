// Validation of a pod's spec, for pods and for pod templates.
import { duplicate, type FieldError, forbidden, invalid, notFoundValue, required, tooMany } from '../../apimachinery/field.js';
import { isDns1123Label, isDns1123Subdomain, isQualifiedName } from '../../apimachinery/names.js';
import { checkIp, checkNonNegative, checkOneOf, checkRange, invalids, MAX_INT32 } from '../checks.js';
import type { Container, PodSpec, PodTemplateSpec } from '../types/core_v1.js';
import { validateAnnotations, validateLabels } from '../validation.js';
import { contextOf, type PodContext, validateContainer, validateHostPorts } from './container-validation.js';
import { validateResources } from './resources-validation.js';
import { validateScheduling } from './scheduling-validation.js';
import { validatePodSecurity } from './security-validation.js';
import { validateVolumes } from './volume-validation.js';

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];
const CONTAINER_RESTART_POLICIES = ['Always', 'Never', 'OnFailure'];
/** Upstream's bounds: an exit is held against all of them. */
const MAX_RESTART_RULES = 20;
const MAX_EXIT_CODES = 255;
const PREEMPTION_POLICIES = ['Never', 'PreemptLowerPriority'];
const OPERATING_SYSTEMS = ['linux', 'windows'];
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
/** What resolv.conf takes. */
const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;

/** All that is wrong with the spec at path `at`. */
export function validatePodSpec(at: string, spec: PodSpec): FieldError[] {
  const errors = validateVolumes(`${at}.volumes`, spec.volumes ?? []);
  const context = contextOf(spec);
  const containers = spec.containers ?? [];
  const names = new Set<string>();
  if (containers.length === 0) errors.push(required(`${at}.containers`));
  for (const [i, container] of containers.entries()) {
    errors.push(...validateContainer(`${at}.containers[${i}]`, container, context, names));
    errors.push(...validateRestart(`${at}.containers[${i}]`, container));
  }
  errors.push(...validateHostPorts(`${at}.containers`, containers), ...validateInitContainers(at, spec, context, names));
  errors.push(
    ...checkOneOf(`${at}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES),
    ...checkNonNegative(`${at}.terminationGracePeriodSeconds`, spec.terminationGracePeriodSeconds),
    ...checkRange(`${at}.activeDeadlineSeconds`, spec.activeDeadlineSeconds, 1, MAX_INT32),
    ...validateNames(at, spec),
    ...validateDns(at, spec),
    ...validateScheduling(at, spec),
    ...(spec.hostAliases ?? []).flatMap(({ ip, hostnames = [] }, i) => [
      ...checkIp(`${at}.hostAliases[${i}].ip`, ip),
      ...hostnames.flatMap((name, j) => invalids(`${at}.hostAliases[${i}].hostnames[${j}]`, name, isDns1123Subdomain(name))),
    ]),
    ...validatePodSecurity(`${at}.securityContext`, spec),
    ...validateGates(at, spec),
    ...validateClaims(`${at}.resourceClaims`, spec),
    ...(spec.resources ? validateResources(`${at}.resources`, spec.resources) : []),
    ...checkOneOf(`${at}.preemptionPolicy`, spec.preemptionPolicy, PREEMPTION_POLICIES, true),
    ...(spec.os ? checkOneOf(`${at}.os.name`, spec.os.name, OPERATING_SYSTEMS) : []),
    ...(spec.workloadRef ? [forbidden(`${at}.workloadRef`, 'this field is not supported by this server')] : []),
  );
  return errors;
}

/** When a container is started again, where that is not as for its pod. */
function validateRestart(at: string, { restartPolicy: policy, restartPolicyRules: rules = [] }: Container): FieldError[] {
  const errors = checkOneOf(`${at}.restartPolicy`, policy, CONTAINER_RESTART_POLICIES, true);
  if (rules.length > 0 && policy === undefined) {
    errors.push(required(`${at}.restartPolicy`, 'must specify restartPolicy when restart rules are used'));
  }
  if (rules.length > MAX_RESTART_RULES) return [...errors, tooMany(`${at}.restartPolicyRules`, rules.length, MAX_RESTART_RULES)];
  for (const [i, { action, exitCodes }] of rules.entries()) {
    const field = `${at}.restartPolicyRules[${i}]`;
    errors.push(...checkOneOf(`${field}.action`, action, ['Restart']));
    if (!exitCodes) errors.push(required(`${field}.exitCodes`, 'must be specified'));
    else {
      const { operator, values = [] } = exitCodes;
      errors.push(...checkOneOf(`${field}.exitCodes.operator`, operator, ['In', 'NotIn']));
      if (values.length === 0) errors.push(invalid(`${field}.exitCodes.values`, values, 'must have at least one value'));
      if (values.length > MAX_EXIT_CODES) errors.push(tooMany(`${field}.exitCodes.values`, values.length, MAX_EXIT_CODES));
    }
  }
  return errors;
}

function validateInitContainers(at: string, spec: PodSpec, context: PodContext, names: Set<string>): FieldError[] {
  return (spec.initContainers ?? []).flatMap((container, i) => {
    const field = `${at}.initContainers[${i}]`;
    const errors = validateContainer(field, container, context, names);
    errors.push(...validateRestart(field, container));
    if (container.restartPolicy === 'Always') return errors;
    // One that ends before the others start is never probed, and has no life to hook into.
    for (const part of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      if (container[part]) errors.push(forbidden(`${field}.${part}`, 'may not be set for init containers without restartPolicy=Always'));
    }
    return errors;
  });
}

function validateNames(at: string, spec: PodSpec): FieldError[] {
  const rules = [
    ['serviceAccountName', isDns1123Subdomain],
    ['nodeName', isDns1123Subdomain],
    ['hostname', isDns1123Label],
    ['hostnameOverride', isDns1123Subdomain],
    ['subdomain', isDns1123Label],
    ['priorityClassName', isDns1123Subdomain],
    ['runtimeClassName', isDns1123Subdomain],
    ['schedulerName', isDns1123Subdomain],
  ] as const;
  return rules.flatMap(([part, rule]) => {
    const value = spec[part];
    return value ? invalids(`${at}.${part}`, value, rule(value)) : [];
  });
}

function validateDns(at: string, { dnsPolicy, dnsConfig }: PodSpec): FieldError[] {
  const errors = checkOneOf(`${at}.dnsPolicy`, dnsPolicy, DNS_POLICIES);
  const field = `${at}.dnsConfig`;
  const nameservers = dnsConfig?.nameservers ?? [];
  const searches = dnsConfig?.searches ?? [];
  if (dnsPolicy === 'None') {
    if (!dnsConfig) return [...errors, required(field, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    if (nameservers.length === 0) {
      errors.push(required(`${field}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'));
    }
  }
  if (nameservers.length > MAX_NAMESERVERS) {
    errors.push(invalid(`${field}.nameservers`, nameservers, `must not have more than ${MAX_NAMESERVERS} nameservers`));
  }
  errors.push(...nameservers.flatMap((ip, i) => checkIp(`${field}.nameservers[${i}]`, ip)));
  if (searches.length > MAX_SEARCHES) {
    errors.push(invalid(`${field}.searches`, searches, `must not have more than ${MAX_SEARCHES} search paths`));
  }
  for (const [i, { name }] of (dnsConfig?.options ?? []).entries()) {
    if (!name) errors.push(required(`${field}.options[${i}]`, 'must not be empty'));
  }
  return errors;
}

/** What a pod waits for before it is scheduled, and before it is ready. */
function validateGates(at: string, { readinessGates = [], schedulingGates = [] }: PodSpec): FieldError[] {
  const names = schedulingGates.map(({ name }) => name);
  return [
    ...readinessGates.flatMap(({ conditionType }, i) =>
      invalids(`${at}.readinessGates[${i}].conditionType`, conditionType, isQualifiedName(conditionType)),
    ),
    ...names.flatMap((name, i) => [
      ...invalids(`${at}.schedulingGates[${i}].name`, name, isQualifiedName(name)),
      ...(names.indexOf(name) < i ? [duplicate(`${at}.schedulingGates[${i}]`, name)] : []),
    ]),
  ];
}

/** Devices that the pod claims, and the containers that use them. */
function validateClaims(at: string, { resourceClaims = [], containers = [], initContainers = [] }: PodSpec): FieldError[] {
  const names = resourceClaims.map(({ name }) => name);
  const errors = resourceClaims.flatMap(({ name, resourceClaimName, resourceClaimTemplateName }, i) => {
    const field = `${at}[${i}]`;
    const one = 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified';
    const given = [resourceClaimName, resourceClaimTemplateName].filter((value) => value !== undefined).length;
    return [
      ...(name ? invalids(`${field}.name`, name, isDns1123Label(name)) : [required(`${field}.name`)]),
      ...(names.indexOf(name) < i ? [duplicate(field, name)] : []),
      ...(given === 0 ? [invalid(field, null, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`')] : []),
      ...(given === 2 ? [invalid(field, null, one)] : []),
    ];
  });
  for (const [list, all] of Object.entries({ containers, initContainers })) {
    for (const [i, { resources }] of all.entries()) {
      for (const [j, { name }] of (resources?.claims ?? []).entries()) {
        const field = `${at.slice(0, at.lastIndexOf('.'))}.${list}[${i}].resources.claims[${j}]`;
        if (!name) errors.push(required(`${field}.name`));
        else if (!names.includes(name)) errors.push(notFoundValue(field, name));
      }
    }
  }
  return errors;
}

/** The template of a workload whose pods are replaced as they end, so that they must always restart. */
export function validatePodTemplate(at: string, template: PodTemplateSpec, kind = 'ReplicaSet'): FieldError[] {
  return [...validatePlainTemplate(at, template), ...validateEndless(at, template, kind)];
}

/** Its pods run until somebody stops them. A policy that is none at all has been told of already. */
function validateEndless(at: string, { spec: { restartPolicy, activeDeadlineSeconds } }: PodTemplateSpec, kind: string): FieldError[] {
  const errors = RESTART_POLICIES.includes(restartPolicy ?? '') ? checkOneOf(`${at}.spec.restartPolicy`, restartPolicy, ['Always']) : [];
  if (activeDeadlineSeconds !== undefined) {
    errors.push(forbidden(`${at}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`));
  }
  return errors;
}

/** Of a StatefulSet, whose claims make volumes that the template does not have: the pods' own validation looks at the rest. */
export function validateStatefulTemplate(at: string, template: PodTemplateSpec): FieldError[] {
  return [...validateTemplateMeta(at, template), ...validateEndless(at, template, 'StatefulSet')];
}

/** Any pod template: its metadata and its spec. */
export function validatePlainTemplate(at: string, template: PodTemplateSpec): FieldError[] {
  return [
    ...validateTemplateMeta(at, template),
    ...validatePodSpec(`${at}.spec`, template.spec),
    ...(template.spec.ephemeralContainers?.length
      ? [forbidden(`${at}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template')]
      : []),
  ];
}

const validateTemplateMeta = (at: string, { metadata }: PodTemplateSpec): FieldError[] => [
  ...validateLabels(`${at}.labels`, metadata?.labels),
  ...validateAnnotations(`${at}.annotations`, metadata?.annotations),
];
