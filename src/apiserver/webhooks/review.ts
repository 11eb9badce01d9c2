// AdmissionReview: what a webhook is asked, and what may be taken for its answer.
import { isJsonObject, type JsonObject, jsonText } from '../../apimachinery/json.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { namespaces } from '../../kinds/core/namespace.js';
import type { AnyKind } from '../../kinds/define.js';
import type { AdmissionResponse } from '../../kinds/types/admission_v1.js';
import type { AdmissionRequest } from '../admission/admission.js';
import type { UserInfo } from '../options.js';
import type { Resource } from '../resources.js';

/** Versions of AdmissionReview that we speak; in shape they are the same. */
const VERSIONS: readonly string[] = ['v1', 'v1beta1'];
const GROUP = 'admission.k8s.io';

/** What is sent: the request as the webhook's rule sees it, and as it was made. */
export interface ReviewSubject {
  readonly request: AdmissionRequest;
  /** The resource in the version that the webhook's rule names. */
  readonly resource: Resource;
  /** Both in that version. */
  readonly object: KubeObject | undefined;
  readonly old: KubeObject | undefined;
}

/** The webhook's own preference counts. */
export const reviewVersionOf = (accepted: readonly string[]): string =>
  `${GROUP}/${accepted.find((each) => VERSIONS.includes(each)) ?? 'v1'}`;

export function admissionReview(uid: string, apiVersion: string, subject: ReviewSubject): object {
  const { dryRun: _dryRun, options, ...fields } = requestFields(subject);
  const { object, old, request } = subject;
  const reviewed = { uid, ...fields, object: object ?? null, oldObject: old ?? null, dryRun: request.dryRun, options };
  return { kind: 'AdmissionReview', apiVersion, request: reviewed };
}

/** The review's request without the objects: what expressions know it by. */
export function requestFields({ request, resource }: ReviewSubject) {
  const { kind, subresource, namespace, name, operation, exchange, dryRun } = request;
  const sub = subresource === undefined ? {} : { subResource: subresource };
  const own = request.resource;
  const where = own.kind === namespaces ? name : namespace;
  return {
    kind: resource === own ? gvkOf(kind.apiVersion, kind.kind) : gvkOf(resource.kind.apiVersion, resource.kind.kind),
    resource: gvrOf(resource.kind),
    ...sub,
    requestKind: gvkOf(kind.apiVersion, kind.kind),
    requestResource: gvrOf(own.kind),
    ...(subresource === undefined ? {} : { requestSubResource: subresource }),
    ...(name ? { name } : {}),
    ...(where ? { namespace: where } : {}),
    operation,
    userInfo: userInfo(exchange.user),
    dryRun,
    options: optionsOf(request),
  };
}

const gvrOf = ({ group, version, plural }: AnyKind) => ({ group, version, resource: plural });

function gvkOf(apiVersion: string, kind: string) {
  const slash = apiVersion.indexOf('/');
  return slash < 0
    ? { group: '', version: apiVersion, kind }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1), kind };
}

function userInfo({ name, uid, groups, extra }: UserInfo) {
  return { username: name, ...(uid ? { uid } : {}), groups, ...(extra ? { extra } : {}) };
}

const OPTIONS_KINDS = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions' } as const;

/** As the API's options objects have them; connections have none. */
function optionsOf({ operation, exchange: { query }, options, dryRun }: AdmissionRequest): object | null {
  if (operation === 'CONNECT') return null;
  const text = (name: string) => (query.get(name) ? { [name]: query.get(name)! } : {});
  const given = operation === 'DELETE' ? options : { ...text('fieldManager'), ...text('fieldValidation') };
  return { kind: OPTIONS_KINDS[operation], apiVersion: 'meta.k8s.io/v1', ...given, ...(dryRun ? { dryRun: ['All'] } : {}) };
}

/** Throws an Error that says, in upstream's words, why it cannot be. */
export function responseOf(answer: JsonObject, uid: string, apiVersion: string, mutating: boolean): AdmissionResponse {
  const { response, kind } = answer;
  if (kind !== 'AdmissionReview' || answer['apiVersion'] !== apiVersion) {
    throw new Error(
      `expected webhook response of ${gvkText(apiVersion, 'AdmissionReview')}, got ${gvkText(jsonText(answer['apiVersion'] ?? ''), jsonText(kind ?? ''))}`,
    );
  }
  if (!isJsonObject(response)) throw new Error('webhook response was absent');
  const { patch, patchType } = response;
  if (response['uid'] !== uid)
    throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response['uid'] ?? '')}`);
  if (!mutating) {
    if (patch) throw new Error('validating webhook may not return response.patch');
    if (patchType !== undefined) throw new Error('validating webhook may not return response.patchType');
  } else if (apiVersion === `${GROUP}/v1`) {
    if (patch && patchType === undefined) throw new Error('webhook returned response.patch but not response.patchType');
    if (!patch && patchType !== undefined) throw new Error('webhook returned response.patchType but not response.patch');
  }
  return response as unknown as AdmissionResponse;
}

function gvkText(apiVersion: string, kind: string): string {
  const { group, version } = gvkOf(apiVersion, kind);
  return `${group}/${version}, Kind=${kind}`;
}
