// CertificateApproval, CertificateSigning, CertificateSubjectRestriction: writing a certificate signing request is not enough to approve or
// answer it; that takes a right over its signer.
import { isDeepStrictEqual } from 'node:util';
import { readSigningRequest } from '../../client/certificates.js';
import type { CertificateSigningRequest } from '../../kinds/types/certificates_v1.js';
import { GROUP_MASTERS, SIGNER_API_CLIENT } from '../../kinds/wellknown.js';
import type { ApiContext } from '../context.js';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from './admission.js';

const GROUP = 'certificates.k8s.io';
const RESOURCES = [`certificatesigningrequests.${GROUP}`];

export const certificateApproval: AdmissionPlugin = {
  name: 'CertificateApproval',
  operations: ['UPDATE'],
  resources: RESOURCES,
  validate(request, _object, context) {
    if (request.subresource !== 'approval') return;
    const { signerName = '' } = (request.old as CertificateSigningRequest).spec;
    if (maySigner(request, context, 'approve', signerName)) return;
    throw refusal(request, request.old, `user not permitted to approve requests with signerName ${JSON.stringify(signerName)}`);
  },
};

export const certificateSigning: AdmissionPlugin = {
  name: 'CertificateSigning',
  operations: ['UPDATE'],
  resources: RESOURCES,
  validate(request, object, context) {
    if (request.subresource !== 'status') return;
    const [now, before] = [object as CertificateSigningRequest, request.old as CertificateSigningRequest];
    if (now.status?.certificate === before.status?.certificate && isDeepStrictEqual(now.status?.conditions, before.status?.conditions))
      return;
    const { signerName = '' } = before.spec;
    if (maySigner(request, context, 'sign', signerName)) return;
    throw refusal(request, before, `user not permitted to sign requests with signerName ${JSON.stringify(signerName)}`);
  },
};

export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  operations: ['CREATE'],
  resources: RESOURCES,
  async validate(request, object) {
    const { spec } = object as CertificateSigningRequest;
    if (request.subresource !== undefined || spec.signerName !== SIGNER_API_CLIENT) return;
    const asked = await readSigningRequest(Buffer.from(spec.request, 'base64').toString('utf8')).catch((error: Error) => {
      throw refusal(request, object, `failed to parse CSR: ${error.message}`);
    });
    if (!asked.subject.organizations?.includes(GROUP_MASTERS)) return;
    throw refusal(request, object, `use of ${SIGNER_API_CLIENT} signer with ${GROUP_MASTERS} group is not allowed`);
  },
};

/** By the signer's whole name, or by its domain as `example.com/*`. */
function maySigner({ exchange: { user } }: AdmissionRequest, { authorizer }: ApiContext, verb: string, signer: string): boolean {
  const base = { isResource: true, user, verb, group: GROUP, version: '*', resource: 'signers', subresource: undefined } as const;
  const domain = `${signer.split('/')[0]}/*`;
  return [signer, domain].some((name) => authorizer.authorize({ ...base, namespace: undefined, name }).allowed);
}
