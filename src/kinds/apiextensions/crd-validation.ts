// Validation of CustomResourceDefinitions, in upstream's words and with the field names that those have.
import { type FieldError, forbidden, invalid, required } from '../../apimachinery/field.js';
import type { Json } from '../../apimachinery/json.js';
import { isDns1035Label, isDns1123Subdomain } from '../../apimachinery/names.js';
import { caBundleError } from '../ca-bundle.js';
import { checkImmutable, checkOneOf, invalids } from '../checks.js';
import type {
  CustomResourceConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
  WebhookClientConfig,
} from '../types/apiextensions_v1.js';
import { validateVersion } from './crd-version-validation.js';

export const ANNOTATION_API_APPROVED = 'api-approved.kubernetes.io';
const APPROVAL_POLICY = 'https://github.com/kubernetes/enhancements/pull/1111';
const REVIEW_VERSIONS = ['v1', 'v1beta1'];

export function validateCustomResourceDefinition(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): readonly FieldError[] {
  const { spec, status } = definition;
  return [
    ...(old ? [] : validateName(definition)),
    ...validateSpec(spec, old?.spec),
    ...(old ? [...validateSpecUpdate(spec, old), ...validateCaBundle(spec, old)] : []),
    ...validateNames(status.acceptedNames, 'status.acceptedNames'),
    ...validateStoredVersions(definition),
    ...validateApproval(definition, old),
  ];
}

function validateName({ metadata, spec }: CustomResourceDefinition): readonly FieldError[] {
  const wanted = `${spec.names.plural}.${spec.group}`;
  return metadata.name === wanted ? [] : [invalid('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group')];
}

function validateSpec(spec: CustomResourceDefinitionSpec, old: CustomResourceDefinitionSpec | undefined): readonly FieldError[] {
  const { names, versions } = spec;
  const errors: FieldError[] = [...validateGroup(spec.group), ...checkOneOf('spec.scope', spec.scope, ['Cluster', 'Namespaced'])];
  if (spec.preserveUnknownFields && !old?.preserveUnknownFields) {
    const why = 'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    errors.push(invalid('spec.preserveUnknownFields', true, why));
  }
  for (const [i, version] of versions.entries()) {
    const at = `spec.versions[${i}]`;
    errors.push(...joined(`${at}.name`, version.name, isDns1035Label(version.name)));
    if (!version.schema?.openAPIV3Schema) errors.push(required(`${at}.schema.openAPIV3Schema`));
    errors.push(...validateVersion(version, at));
  }
  const shown = versions as unknown as Json;
  if (new Set(versions.map(({ name }) => name)).size < versions.length) {
    errors.push(invalid('spec.versions', shown, 'must contain unique version names'));
  }
  if (versions.filter(({ storage }) => storage).length !== 1) {
    errors.push(invalid('spec.versions', shown, 'must have exactly one version marked as storage version'));
  }
  for (const name of ['plural', 'singular', 'kind', 'listKind'] as const) if (!names[name]) errors.push(required(`spec.names.${name}`));
  return [...errors, ...validateNames(names, 'spec.names'), ...validateConversion(spec.conversion)];
}

function validateGroup(group: string): readonly FieldError[] {
  if (!group) return [required('spec.group')];
  const wrong = joined('spec.group', group, isDns1123Subdomain(group));
  if (wrong.length > 0 || group.includes('.')) return wrong;
  return [invalid('spec.group', group, 'should be a domain with at least one dot')];
}

function validateNames(names: CustomResourceDefinitionNames, at: string): readonly FieldError[] {
  const { plural, singular, kind, listKind, shortNames = [], categories = [] } = names;
  const errors: FieldError[] = [];
  const label = (field: string, name: string) => joined(`${at}.${field}`, name, isDns1035Label(name));
  if (plural) errors.push(...label('plural', plural));
  if (singular) errors.push(...label('singular', singular));
  for (const [field, name] of Object.entries({ kind, listKind })) {
    const wrong = name ? isDns1035Label(name.toLowerCase()) : [];
    if (name && wrong.length > 0) {
      errors.push(invalid(`${at}.${field}`, name, `may have mixed case, but should otherwise match: ${wrong.join(',')}`));
    }
  }
  for (const [i, name] of shortNames.entries()) errors.push(...label(`shortNames[${i}]`, name));
  if (kind && kind === listKind) errors.push(invalid(`${at}.listKind`, listKind, 'kind and listKind may not be the same'));
  for (const [i, name] of categories.entries()) errors.push(...label(`categories[${i}]`, name));
  return errors;
}

/** As upstream has it here: all that is wrong with one value in one error. */
const joined = (field: string, value: string, wrong: readonly string[]): FieldError[] =>
  wrong.length > 0 ? [invalid(field, value, wrong.join(','))] : [];

function validateConversion(conversion: CustomResourceConversion | undefined): readonly FieldError[] {
  if (!conversion) return [];
  const { strategy, webhook } = conversion;
  const errors = checkOneOf('spec.conversion.strategy', strategy, ['None', 'Webhook']);
  const at = 'spec.conversion.webhookClientConfig';
  const versionsAt = 'spec.conversion.conversionReviewVersions';
  if (strategy !== 'Webhook') {
    const why = 'should not be set when strategy is not set to Webhook';
    if (webhook?.clientConfig) errors.push(forbidden(at, why));
    if (webhook?.conversionReviewVersions?.length) errors.push(forbidden(versionsAt, why));
    return errors;
  }
  if (!webhook?.clientConfig) errors.push(required(at, 'required when strategy is set to Webhook'));
  else errors.push(...validateClientConfig(webhook.clientConfig, at));
  return [...errors, ...validateReviewVersions(webhook?.conversionReviewVersions ?? [], versionsAt)];
}

function validateClientConfig({ url, service }: WebhookClientConfig, at: string): readonly FieldError[] {
  if ((url === undefined) === (service === undefined)) return [required(at, 'exactly one of url or service is required')];
  if (url !== undefined) return validateUrl(url, `${at}.url`);
  const { name, namespace, path, port } = service!;
  const errors: FieldError[] = [];
  if (!name) errors.push(required(`${at}.service.name`, 'service name is required'));
  if (!namespace) errors.push(required(`${at}.service.namespace`, 'service namespace is required'));
  if (port !== undefined && (port < 1 || port > 65_535)) {
    errors.push(invalid(`${at}.service.port`, port, 'port is not valid: must be between 1 and 65535, inclusive'));
  }
  if (path !== undefined && !path.startsWith('/')) errors.push(invalid(`${at}.service.path`, path, "must start with a '/'"));
  return errors;
}

/** As upstream: until it is established, and while it is wrong already, it may be wrong. */
function validateCaBundle(spec: CustomResourceDefinitionSpec, old: CustomResourceDefinition): readonly FieldError[] {
  if (!isEstablished(old) || hasWrongCaBundle(old.spec)) return [];
  const caBundle = caBundleOf(spec);
  const wrong = caBundle && caBundleError(caBundle);
  if (!wrong) return [];
  // As Go shows bytes.
  const bytes = [...Buffer.from(caBundle, 'base64')].map((byte) => `0x${byte.toString(16)}`).join(', ');
  const field = 'spec.conversion.webhookClientConfig.caBundle';
  return [{ reason: 'FieldValueInvalid', field, message: `Invalid value: []byte{${bytes}}: ${wrong}` }];
}

const isEstablished = ({ status }: CustomResourceDefinition) =>
  status.conditions?.some((condition) => condition.type === 'Established' && condition.status === 'True') ?? false;

const caBundleOf = ({ conversion }: CustomResourceDefinitionSpec) =>
  conversion?.strategy === 'Webhook' ? conversion.webhook?.clientConfig?.caBundle : undefined;

export function hasWrongCaBundle(spec: CustomResourceDefinitionSpec): boolean {
  const caBundle = caBundleOf(spec);
  return Boolean(caBundle) && caBundleError(caBundle!) !== undefined;
}

/** As upstream, which asks nothing of the rest. */
export const validateDefinitionStatus = ({ status }: CustomResourceDefinition): readonly FieldError[] =>
  validateNames(status.acceptedNames, 'status.acceptedNames');

function validateUrl(url: string, at: string): readonly FieldError[] {
  const form = '; desired format: https://host[/path]';
  if (!URL.canParse(url)) return [required(at, `url must be a valid URL: parse ${JSON.stringify(url)}${form}`)];
  const { protocol, host, username, hash, search } = new URL(url);
  const errors: FieldError[] = [];
  if (protocol !== 'https:') errors.push(invalid(at, protocol.slice(0, -1), `'https' is the only allowed URL scheme${form}`));
  if (!host) errors.push(invalid(at, host, `host must be specified${form}`));
  if (username) errors.push(invalid(at, username, 'user information is not permitted in the URL'));
  if (hash) errors.push(invalid(at, hash.slice(1), 'fragments are not permitted in the URL'));
  if (search) errors.push(invalid(at, search.slice(1), 'query parameters are not permitted in the URL'));
  return errors;
}

function validateReviewVersions(versions: readonly string[], at: string): readonly FieldError[] {
  if (versions.length === 0) return [required(at)];
  const errors: FieldError[] = [];
  for (const [i, version] of versions.entries()) {
    if (versions.indexOf(version) < i) errors.push(invalid(`${at}[${i}]`, version, 'duplicate version'));
    else errors.push(...invalids(`${at}[${i}]`, version, isDns1035Label(version)));
  }
  if (!versions.some((version) => REVIEW_VERSIONS.includes(version))) {
    errors.push(invalid(at, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`));
  }
  return errors;
}

function validateSpecUpdate(spec: CustomResourceDefinitionSpec, old: CustomResourceDefinition): readonly FieldError[] {
  const established = isEstablished(old);
  return [
    // What is stored is found by these.
    ...(established ? checkImmutable('spec.scope', spec.scope, old.spec.scope) : []),
    ...(established ? checkImmutable('spec.names.kind', spec.names.kind, old.spec.names.kind) : []),
    ...checkImmutable('spec.group', spec.group, old.spec.group),
    ...checkImmutable('spec.names.plural', spec.names.plural, old.spec.names.plural),
  ];
}

function validateStoredVersions({ spec, status }: CustomResourceDefinition): readonly FieldError[] {
  const at = 'status.storedVersions';
  const stored = status.storedVersions ?? [];
  if (stored.length === 0) return [invalid(at, stored, 'must have at least one stored version')];
  const errors: FieldError[] = [];
  for (const { name, storage } of spec.versions) {
    if (storage && !stored.includes(name)) errors.push(invalid(at, stored, `must have the storage version ${name}`));
  }
  for (const [i, version] of stored.entries()) {
    if (spec.versions.some(({ name }) => name === version)) continue;
    const why = `missing from spec.versions; ${version} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${version} and removes ${version} from status.storedVersions`;
    errors.push(invalid(`${at}[${i}]`, version, why));
  }
  return errors;
}

const PROTECTED_GROUP = /(^|\.)(k8s|kubernetes)\.io$/;

export const isProtectedGroup = (group: string): boolean => PROTECTED_GROUP.test(group);

/** Groups of Kubernetes' own are for what its community has approved. */
function validateApproval({ metadata, spec }: CustomResourceDefinition, old: CustomResourceDefinition | undefined): readonly FieldError[] {
  if (!isProtectedGroup(spec.group)) return [];
  const at = `metadata.annotations[${ANNOTATION_API_APPROVED}]`;
  const approval = metadata.annotations?.[ANNOTATION_API_APPROVED];
  const before = old?.metadata.annotations?.[ANNOTATION_API_APPROVED];
  if (old && approval === before) return [];
  if (!approval)
    return [required(at, `protected groups must have approval annotation "${ANNOTATION_API_APPROVED}", see ${APPROVAL_POLICY}`)];
  if (approval.startsWith('unapproved') || isUrl(approval)) return [];
  const why = `protected groups must have approval annotation "${ANNOTATION_API_APPROVED}" with either a URL or a reason starting with "unapproved", see ${APPROVAL_POLICY}`;
  return [invalid(at, approval, why)];
}

const isUrl = (text: string) => /^[a-z][a-z0-9+.-]*:\/\/[^/]/i.test(text);
