// Upstream's defaults of a pod's spec: those that every pod template gets, and those that only a pod itself gets.
import { formatQuantity } from '../../apimachinery/quantity.js';
import type { Mutable } from '../define.js';
import type { Container, EnvVar, EphemeralContainer, Lifecycle, Pod, PodSpec, Probe, Volume } from '../types/core_v1.js';
import { DEFAULT_SCHEDULER_NAME } from '../wellknown.js';
import { podRequests } from './podutil.js';

/** 0644: configuration is for everybody in the pod to read. */
const DEFAULT_MODE = 0o644;
const TOKEN_EXPIRATION_s = 3600;
const TERMINATION_GRACE_s = 30;

type AnyContainer = Mutable<Container> | Mutable<EphemeralContainer>;

/** SetDefaults_PodSpec and what hangs below it; for pods and for pod templates. */
export function defaultPodSpec(spec: Mutable<PodSpec>): void {
  spec.restartPolicy ||= 'Always';
  spec.dnsPolicy ||= 'ClusterFirst';
  spec.schedulerName ||= DEFAULT_SCHEDULER_NAME;
  spec.terminationGracePeriodSeconds ??= TERMINATION_GRACE_s;
  spec.securityContext ??= {};
  // The older name of the field is served beside the newer one, which counts.
  if (!spec.serviceAccountName && spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  for (const container of containersOf(spec)) defaultContainer(container);
}

/** SetDefaults_Pod: what a template leaves open until a pod is made of it. */
export function defaultPod(pod: Mutable<Pod>): void {
  const { spec } = pod;
  defaultPodSpec(spec);
  spec.enableServiceLinks ??= true;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    defaultRequests(container);
    if (spec.hostNetwork) for (const port of container.ports ?? []) port.hostPort ||= port.containerPort;
  }
  if (spec.resources?.limits || spec.resources?.requests) defaultPodRequests(spec);
}

function containersOf(spec: Mutable<PodSpec>): AnyContainer[] {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
}

function defaultContainer(container: AnyContainer): void {
  container.imagePullPolicy ||= pullPolicyOf(container.image ?? '');
  container.terminationMessagePath ||= '/dev/termination-log';
  container.terminationMessagePolicy ||= 'File';
  for (const port of container.ports ?? []) port.protocol ||= 'TCP';
  for (const env of container.env ?? []) defaultEnv(env);
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) if (probe) defaultProbe(probe);
  if (container.lifecycle) defaultLifecycle(container.lifecycle);
}

/** `latest`, written or implied, can change under its name, so it is pulled anew; any other tag or a digest is not. */
export function pullPolicyOf(image: string): 'Always' | 'IfNotPresent' {
  const [reference, digest] = splitOnce(image, '@');
  const tag = splitOnce(reference.slice(reference.lastIndexOf('/') + 1), ':')[1];
  return tag === 'latest' || (!tag && !digest) ? 'Always' : 'IfNotPresent';
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function defaultEnv(env: Mutable<EnvVar>): void {
  if (env.valueFrom?.fieldRef) env.valueFrom.fieldRef.apiVersion ||= 'v1';
}

function defaultProbe(probe: Mutable<Probe>): void {
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  if (probe.httpGet) defaultHttpGet(probe.httpGet);
  if (probe.grpc) probe.grpc.service ??= '';
}

function defaultLifecycle({ postStart, preStop }: Mutable<Lifecycle>): void {
  if (postStart?.httpGet) defaultHttpGet(postStart.httpGet);
  if (preStop?.httpGet) defaultHttpGet(preStop.httpGet);
}

function defaultHttpGet(action: { path?: string; scheme?: string }): void {
  action.path ||= '/';
  action.scheme ||= 'HTTP';
}

/** A limit without a request asks for as much as it allows. */
function defaultRequests(container: Mutable<Container>): void {
  const { limits } = container.resources ?? {};
  if (!limits) return;
  const requests = (container.resources.requests ??= {});
  for (const [resource, quantity] of Object.entries(limits)) requests[resource] ??= quantity;
}

/** What a pod as a whole does not say: as much as its containers ask for, or else as much as it may have. */
function defaultPodRequests(spec: Mutable<PodSpec>): void {
  const { limits = {} } = spec.resources!;
  const requests = (spec.resources!.requests ??= {});
  const sums = podRequests({ spec });
  for (const [resource, format] of [
    ['cpu', 'DecimalSI'],
    ['memory', 'BinarySI'],
  ] as const) {
    const sum = (sums.get(resource) ?? 0) / (resource === 'cpu' ? 1000 : 1);
    const wanted = sum > 0 ? formatQuantity(sum, format) : limits[resource];
    if (wanted !== undefined) requests[resource] ??= wanted;
  }
}

function defaultVolume(volume: Mutable<Volume>): void {
  const sources = Object.entries(volume).filter(([key, source]) => key !== 'name' && source !== undefined);
  if (sources.length === 0) volume.emptyDir = {};
  if (volume.hostPath) volume.hostPath.type ??= '';
  if (volume.image) volume.image.pullPolicy ||= pullPolicyOf(volume.image.reference ?? '');
  for (const source of [volume.configMap, volume.secret, volume.downwardAPI, volume.projected]) {
    if (source) source.defaultMode ??= DEFAULT_MODE;
  }
  for (const item of volume.downwardAPI?.items ?? []) if (item.fieldRef) item.fieldRef.apiVersion ||= 'v1';
  for (const { serviceAccountToken, downwardAPI } of volume.projected?.sources ?? []) {
    if (serviceAccountToken) serviceAccountToken.expirationSeconds ??= TOKEN_EXPIRATION_s;
    for (const item of downwardAPI?.items ?? []) if (item.fieldRef) item.fieldRef.apiVersion ||= 'v1';
  }
  const claim = volume.ephemeral?.volumeClaimTemplate?.spec;
  if (claim) claim.volumeMode ??= 'Filesystem';
}
