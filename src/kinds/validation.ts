// Validation of metadata, the same for every kind: names, namespaces, labels, annotations, owners, finalizers.
import { type FieldError, forbidden, invalid, required, tooLong } from '../apimachinery/field.js';
import type { Json } from '../apimachinery/json.js';
import { isDns1123Label, isDns1123Subdomain, isLabelValue, isQualifiedName } from '../apimachinery/names.js';
import type { KubeObject } from '../apimachinery/object.js';
import type { OwnerReference } from '../apimachinery/types/meta_v1.js';
import { checkImmutable, invalids } from './checks.js';
import type { AnyKind } from './define.js';

/** Upstream's bound on keys and values together; it keeps metadata-only caches and watches small. */
const MAX_ANNOTATIONS_bytes = 256 * 1024;
const FINALIZER_ORPHAN = 'orphan';
const FINALIZER_FOREGROUND = 'foregroundDeletion';
/** The finalizers that need no domain, being Kubernetes' own. */
const STANDARD_FINALIZERS = ['kubernetes', FINALIZER_ORPHAN, FINALIZER_FOREGROUND];
/** What an update may not change; the name and namespace of the path are the object's. */
const IMMUTABLE_META = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const satisfies readonly (keyof KubeObject['metadata'])[];

type StringMap = { readonly [key: string]: string };

/** All that is wrong with the metadata of an object about to be created; names are generated already. */
export function validateObjectMeta(kind: AnyKind, object: KubeObject): readonly FieldError[] {
  const { metadata } = object;
  const nameRule = (name: string) => (kind.validateName ?? isDns1123Subdomain)(name);
  const errors: FieldError[] = [];
  if (metadata.generateName) {
    errors.push(...invalids('metadata.generateName', metadata.generateName, nameRule(maskTrailingDash(metadata.generateName))));
  }
  if (!metadata.name) errors.push(required('metadata.name', 'name or generateName is required'));
  else errors.push(...invalids('metadata.name', metadata.name, nameRule(metadata.name)));
  errors.push(...validateNamespace(kind, metadata.namespace));
  errors.push(...validateMutableMeta(object), ...validateFinalizers(metadata.finalizers ?? []));
  return errors;
}

/** All that is wrong with changing the metadata of `old` to that of `object`. */
export function validateObjectMetaUpdate(object: KubeObject, old: KubeObject): readonly FieldError[] {
  const errors: FieldError[] = [];
  const finalizers = object.metadata.finalizers ?? [];
  if (old.metadata.deletionTimestamp !== undefined) {
    const extra = finalizers.filter((name) => !old.metadata.finalizers?.includes(name));
    const listed = extra.map((name) => JSON.stringify(name)).join(', ');
    const why = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${listed}}`;
    if (extra.length > 0) errors.push(forbidden('metadata.finalizers', why));
  }
  for (const field of IMMUTABLE_META) errors.push(...checkImmutable(`metadata.${field}`, object.metadata[field], old.metadata[field]));
  errors.push(...validateMutableMeta(object), ...validateFinalizers(finalizers));
  return errors;
}

/** A generated name continues after the dash, so the dash is not its end. */
function maskTrailingDash(prefix: string): string {
  return prefix.length > 1 && prefix.endsWith('-') ? `${prefix.slice(0, -1)}a` : prefix;
}

function validateNamespace(kind: AnyKind, namespace: string | undefined): FieldError[] {
  if (!kind.namespaced) return namespace ? [forbidden('metadata.namespace', 'not allowed on this type')] : [];
  if (!namespace) return [required('metadata.namespace')];
  return invalids('metadata.namespace', namespace, isDns1123Label(namespace));
}

function validateMutableMeta({ metadata }: KubeObject): FieldError[] {
  return [
    ...validateLabels('metadata.labels', metadata.labels),
    ...validateAnnotations('metadata.annotations', metadata.annotations),
    ...validateOwnerReferences('metadata.ownerReferences', metadata.ownerReferences ?? []),
  ];
}

/** Labels, and whatever else must be keys and values of labels (selectors, node selectors). */
export function validateLabels(field: string, labels: StringMap | undefined): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...invalids(field, key, isQualifiedName(key)),
    ...invalids(field, value, isLabelValue(value)),
  ]);
}

export function validateAnnotations(field: string, annotations: StringMap | undefined): FieldError[] {
  const errors: FieldError[] = [];
  let size_bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    errors.push(...invalids(field, key, isQualifiedName(key.toLowerCase())));
    size_bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (size_bytes > MAX_ANNOTATIONS_bytes) errors.push(tooLong(field, MAX_ANNOTATIONS_bytes));
  return errors;
}

function validateOwnerReferences(field: string, references: readonly OwnerReference[]): FieldError[] {
  const errors: FieldError[] = [];
  for (const reference of references) {
    const { apiVersion, kind, name, uid } = reference;
    if (!apiVersion || apiVersion.endsWith('/')) errors.push(invalid(`${field}.apiVersion`, apiVersion ?? '', 'version must not be empty'));
    for (const [part, value] of Object.entries({ kind, name, uid })) {
      if (!value) errors.push(invalid(`${field}.${part}`, value ?? '', 'must not be empty'));
    }
    // Events are kept for an hour only, and nothing waits for them to go.
    if (apiVersion === 'v1' && kind === 'Event') {
      errors.push(invalid(field, { ...reference } as Json, '/v1, Kind=Event is disallowed from being an owner'));
    }
  }
  const [first, second] = references.filter((reference) => reference.controller).map(({ kind, name }) => `${kind}/${name}`);
  if (first !== undefined && second !== undefined) {
    const why = `Only one reference can have Controller set to true. Found "true" in references for ${first} and ${second}`;
    errors.push(invalid(field, references as unknown as Json, why));
  }
  return errors;
}

function validateFinalizers(finalizers: readonly string[]): FieldError[] {
  const field = 'metadata.finalizers';
  const errors = finalizers.flatMap((name) => validateFinalizerName(field, name));
  if (finalizers.includes(FINALIZER_ORPHAN) && finalizers.includes(FINALIZER_FOREGROUND)) {
    errors.push(invalid(field, finalizers, `finalizer ${FINALIZER_ORPHAN} and ${FINALIZER_FOREGROUND} cannot be both set`));
  }
  return errors;
}

/** Qualified, and with a domain unless it is one of Kubernetes' own. */
export function validateFinalizerName(field: string, name: string): FieldError[] {
  const errors = invalids(field, name, isQualifiedName(name));
  if (errors.length === 0 && !name.includes('/') && !STANDARD_FINALIZERS.includes(name)) {
    errors.push(invalid(field, name, 'name is neither a standard finalizer name nor is it fully qualified'));
  }
  return errors;
}
