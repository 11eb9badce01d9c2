// The kind Secret of v1.
import { type FieldError, forbidden, invalid, required, tooLong } from '../../apimachinery/field.js';
import { isConfigMapKey } from '../../apimachinery/names.js';
import { checkImmutable, invalids, MAX_DATA_bytes, sameJson } from '../checks.js';
import { defineKind, type Mutable } from '../define.js';
import type { Secret } from '../types/core_v1.js';
import { ANNOTATION_SERVICE_ACCOUNT, TYPE_SERVICE_ACCOUNT_TOKEN } from '../wellknown.js';

/** The keys without which a secret of that type is of no use. */
const REQUIRED_KEYS: { readonly [type: string]: readonly string[] } = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};
const JSON_KEYS = ['.dockercfg', '.dockerconfigjson'];
/** Errors go to logs and screens; what a secret holds does not. */
const REDACTED = '<secret contents redacted>';

export const secrets = defineKind<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
  schema: 'core.v1.Secret',
  columns: [
    { name: 'Type', type: 'string', description: 'What kind of secret it is', cell: ({ type }) => type ?? '' },
    { name: 'Data', type: 'string', description: 'How many keys it has', cell: ({ data = {} }) => String(Object.keys(data).length) },
  ],
  defaults,
  validate: (secret, old) => [...(old ? validateUpdate(secret, old) : []), ...validateSecret(secret)],
  selectableFields: { type: ({ type }) => type ?? '' },
});

/** stringData is there for writing only: it is stored as data, over which it wins. */
function defaults(secret: Mutable<Secret>): void {
  secret.type ||= 'Opaque';
  const { stringData } = secret;
  if (stringData === undefined) return;
  const encoded = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value, 'utf8').toString('base64')] as const);
  if (encoded.length > 0) secret.data = { ...secret.data, ...Object.fromEntries(encoded) };
  delete secret.stringData;
}

function validateSecret({ type = '', data = {}, metadata }: Secret): FieldError[] {
  const errors: FieldError[] = [];
  let size_bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    errors.push(...invalids(`data[${key}]`, key, isConfigMapKey(key)));
    size_bytes += Buffer.byteLength(value ?? '', 'base64');
  }
  if (size_bytes > MAX_DATA_bytes) errors.push(tooLong('data', MAX_DATA_bytes));
  for (const key of REQUIRED_KEYS[type] ?? []) {
    const value = data[key];
    if (value === undefined) errors.push(required(`data[${key}]`));
    else if (JSON_KEYS.includes(key) && !isJson(value)) errors.push(invalid(`data[${key}]`, REDACTED, 'must be valid JSON'));
  }
  if (type === 'kubernetes.io/basic-auth' && data['username'] === undefined && data['password'] === undefined) {
    errors.push(required('data[username]'), required('data[password]'));
  }
  if (type === TYPE_SERVICE_ACCOUNT_TOKEN && !metadata.annotations?.[ANNOTATION_SERVICE_ACCOUNT]) {
    errors.push(required(`metadata.annotations[${ANNOTATION_SERVICE_ACCOUNT}]`));
  }
  return errors;
}

function isJson(base64: string): boolean {
  try {
    JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function validateUpdate(secret: Secret, old: Secret): FieldError[] {
  const errors = checkImmutable('type', secret.type, old.type);
  if (!old.immutable) return errors;
  const why = 'field is immutable when `immutable` is set';
  if (!secret.immutable) errors.push(forbidden('immutable', why));
  if (!sameJson(secret.data, old.data)) errors.push(forbidden('data', why));
  return errors;
}
