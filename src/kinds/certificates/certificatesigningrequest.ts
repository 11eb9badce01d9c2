// The kind CertificateSigningRequest of certificates.k8s.io/v1.
import { defineKind } from '../define.js';
import type { CertificateSigningRequest } from '../types/certificates_v1.js';

export const certificateSigningRequests = defineKind<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  shortNames: ['csr'],
  namespaced: false,
  schema: 'certificates.v1.CertificateSigningRequest',
  subresources: { status: true },
});
