// Validation of probes and lifecycle hooks: exactly one handler, and numbers that make sense.
import { type FieldError, forbidden, invalid, required } from '../../apimachinery/field.js';
import { checkNonNegative, checkOneOf, checkPort, checkPortNumOrName } from '../checks.js';
import type { Container, HTTPGetAction, Lifecycle, LifecycleHandler, Probe } from '../types/core_v1.js';

const SCHEMES = ['HTTP', 'HTTPS'];
const PROBE_NUMBERS = ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const;

export function validateProbes(at: string, container: Container): FieldError[] {
  const { livenessProbe, readinessProbe, startupProbe } = container;
  return [
    ...validateProbe(`${at}.livenessProbe`, livenessProbe),
    ...checkOneSuccess(`${at}.livenessProbe`, livenessProbe),
    ...validateProbe(`${at}.readinessProbe`, readinessProbe),
    ...checkNoOwnGrace(`${at}.readinessProbe`, readinessProbe),
    ...validateProbe(`${at}.startupProbe`, startupProbe),
    ...checkOneSuccess(`${at}.startupProbe`, startupProbe),
  ];
}

export function validateLifecycle(at: string, lifecycle: Lifecycle | undefined): FieldError[] {
  return [
    ...(lifecycle?.postStart ? validateHandler(`${at}.postStart`, lifecycle.postStart) : []),
    ...(lifecycle?.preStop ? validateHandler(`${at}.preStop`, lifecycle.preStop) : []),
  ];
}

function validateProbe(at: string, probe: Probe | undefined): FieldError[] {
  if (!probe) return [];
  const errors = validateHandler(at, probe);
  for (const field of PROBE_NUMBERS) errors.push(...checkNonNegative(`${at}.${field}`, probe[field]));
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0) {
    errors.push(invalid(`${at}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  }
  return errors;
}

/** These decide once that a container is to be killed or has started; a second success adds nothing. */
function checkOneSuccess(at: string, probe: Probe | undefined): FieldError[] {
  return probe && probe.successThreshold !== 1 ? [invalid(`${at}.successThreshold`, probe.successThreshold, 'must be 1')] : [];
}

/** A readiness probe kills nothing, so it has no grace period to give. */
function checkNoOwnGrace(at: string, probe: Probe | undefined): FieldError[] {
  const grace = probe?.terminationGracePeriodSeconds;
  return grace === undefined ? [] : [invalid(`${at}.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes')];
}

/** The handlers in the order of upstream's check: the first one given counts, each further one is forbidden. */
function validateHandler(at: string, handler: Probe & LifecycleHandler): FieldError[] {
  const checks: { readonly [kind: string]: () => FieldError[] } = {
    exec: () => (handler.exec?.command?.length ? [] : [required(`${at}.exec.command`)]),
    httpGet: () => (handler.httpGet ? validateHttpGet(`${at}.httpGet`, handler.httpGet) : []),
    tcpSocket: () => checkPortNumOrName(`${at}.tcpSocket.port`, handler.tcpSocket?.port),
    grpc: () => checkPort(`${at}.grpc.port`, handler.grpc?.port),
    sleep: () => checkNonNegative(`${at}.sleep.seconds`, handler.sleep?.seconds),
  };
  const given = Object.keys(checks).filter((kind) => handler[kind as keyof typeof handler] !== undefined);
  if (given.length === 0) return [required(at, 'must specify a handler type')];
  return given.flatMap((kind, i) =>
    i === 0 ? (checks[kind]?.() ?? []) : [forbidden(`${at}.${kind}`, 'may not specify more than 1 handler type')],
  );
}

function validateHttpGet(at: string, { path, port, scheme, httpHeaders }: HTTPGetAction): FieldError[] {
  return [
    ...(path ? [] : [required(`${at}.path`)]),
    ...checkPortNumOrName(`${at}.port`, port),
    ...checkOneOf(`${at}.scheme`, scheme, SCHEMES),
    ...(httpHeaders ?? []).flatMap(({ name }) =>
      /^[-A-Za-z0-9]+$/.test(name ?? '')
        ? []
        : [
            invalid(
              `${at}.httpHeaders`,
              name ?? '',
              "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
            ),
          ],
    ),
  ];
}
