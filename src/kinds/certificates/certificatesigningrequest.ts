// The kind CertificateSigningRequest of certificates.k8s.io/v1. Who asks (spec.username, groups, ...) is the API server's to fill in.
import { type FieldError, forbidden, invalid, required } from '../../apimachinery/field.js';
import { humanDuration } from '../../apimachinery/table.js';
import { checkOneOf } from '../checks.js';
import { ageColumn, NONE, nameColumn } from '../columns.js';
import { type Column, defineKind } from '../define.js';
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '../types/certificates_v1.js';

/** Shorter lives would be over before the certificate is put to use. */
const MIN_EXPIRATION_s = 600;
const PEM = /^\s*-----BEGIN CERTIFICATE REQUEST-----\r?\n[A-Za-z0-9+/=\s]+-----END CERTIFICATE REQUEST-----\s*$/;
const SIGNER = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+\/[a-z0-9]([-a-z0-9./]*[a-z0-9])?$/;
const USAGES = [
  'signing',
  'digital signature',
  'content commitment',
  'key encipherment',
  'key agreement',
  'data encipherment',
  'cert sign',
  'crl sign',
  'encipher only',
  'decipher only',
  'any',
  'server auth',
  'client auth',
  'code signing',
  'email protection',
  's/mime',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'timestamping',
  'ocsp signing',
  'microsoft sgc',
  'netscape sgc',
];

const columns: readonly Column<CertificateSigningRequest>[] = [
  nameColumn,
  ageColumn,
  { name: 'SignerName', type: 'string', description: 'Who is to sign it', cell: ({ spec }) => spec.signerName ?? '' },
  { name: 'Requestor', type: 'string', description: 'Who asks', cell: ({ spec }) => spec.username ?? '' },
  {
    name: 'RequestedDuration',
    type: 'string',
    description: 'How long the certificate is to be valid',
    cell: ({ spec }) => (spec.expirationSeconds === undefined ? NONE : humanDuration(spec.expirationSeconds * 1000)),
  },
  { name: 'Condition', type: 'string', description: 'What has been decided and done', cell: (csr) => conditionOf(csr) },
];

export const certificateSigningRequests = defineKind<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  shortNames: ['csr'],
  namespaced: false,
  schema: 'certificates.v1.CertificateSigningRequest',
  generation: false,
  columns,
  validate: (csr, old) => [...validateSpec(csr), ...validateConditions(csr, old)],
  prepareForCreate(csr) {
    // Nobody approves or issues by creating.
    csr.status = {};
  },
  prepareForUpdate(csr, old) {
    csr.spec = structuredClone(old.spec) as typeof csr.spec;
  },
  prepareForStatusUpdate(csr, old) {
    // Decisions are for who may approve.
    const decisions = (old.status?.conditions ?? []).filter(isDecision);
    const others = (csr.status?.conditions ?? []).filter((condition) => !isDecision(condition));
    const conditions = structuredClone([...decisions, ...others]) as NonNullable<typeof csr.status.conditions>;
    csr.status = { ...csr.status, ...(conditions.length > 0 ? { conditions } : {}) };
    if (conditions.length === 0) delete csr.status.conditions;
  },
  selectableFields: { 'spec.signerName': ({ spec }) => spec.signerName ?? '' },
  subresources: { status: true, writable: { approval: ['status.conditions'] } },
});

const isDecision = ({ type }: { readonly type: string }) => type === 'Approved' || type === 'Denied';

function hasCondition(csr: CertificateSigningRequest, type: string): boolean {
  return (csr.status.conditions ?? []).some((condition) => condition.type === type);
}

function conditionOf(csr: CertificateSigningRequest): string {
  const decision = hasCondition(csr, 'Denied') ? 'Denied' : hasCondition(csr, 'Approved') ? 'Approved' : 'Pending';
  return `${decision}${hasCondition(csr, 'Failed') ? ',Failed' : ''}${csr.status.certificate ? ',Issued' : ''}`;
}

function validateSpec({ spec }: CertificateSigningRequest): FieldError[] {
  const errors: FieldError[] = [];
  if (!spec.request) errors.push(required('spec.request'));
  else if (!PEM.test(Buffer.from(spec.request, 'base64').toString('latin1'))) {
    errors.push(invalid('spec.request', spec.request, 'PEM block type must be CERTIFICATE REQUEST'));
  }
  const usages = spec.usages ?? [];
  if (usages.length === 0) errors.push(required('spec.usages'));
  for (const [i, usage] of usages.entries()) errors.push(...checkOneOf(`spec.usages[${i}]`, usage, USAGES));
  if (!spec.signerName) errors.push(required('spec.signerName'));
  else if (!SIGNER.test(spec.signerName)) {
    const why = 'must be a fully qualified domain and path of the form "example.com/signer-name"';
    errors.push(invalid('spec.signerName', spec.signerName, why));
  }
  if (spec.expirationSeconds !== undefined && spec.expirationSeconds < MIN_EXPIRATION_s) {
    const why = `may not specify a duration less than ${MIN_EXPIRATION_s} seconds (${MIN_EXPIRATION_s / 60} minutes)`;
    errors.push(invalid('spec.expirationSeconds', spec.expirationSeconds, why));
  }
  return errors;
}

/** A decision is for good: it is neither taken back nor turned round, and nothing is both approved and denied. */
function validateConditions(csr: CertificateSigningRequest, old: CertificateSigningRequest | undefined): FieldError[] {
  const field = 'status.conditions';
  const conditions = csr.status.conditions ?? [];
  const errors = conditions.flatMap((condition, i) => validateCondition(`${field}[${i}]`, condition));
  if (hasCondition(csr, 'Approved') && hasCondition(csr, 'Denied')) {
    errors.push(invalid(field, 'Denied', 'Approved and Denied conditions are mutually exclusive'));
  }
  for (const type of ['Approved', 'Denied', 'Failed']) {
    if (old && hasCondition(old, type) && !hasCondition(csr, type)) {
      errors.push(forbidden(field, `updates may not remove a condition of type "${type}"`));
    }
  }
  return errors;
}

function validateCondition(at: string, { type, status }: CertificateSigningRequestCondition): FieldError[] {
  const errors = type ? [] : [required(`${at}.type`)];
  const decision = ['Approved', 'Denied', 'Failed'].includes(type);
  return [...errors, ...checkOneOf(`${at}.status`, status, decision ? ['True'] : ['True', 'False', 'Unknown'])];
}
