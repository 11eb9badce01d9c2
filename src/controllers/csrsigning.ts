// csrsigning: watches CertificateSigningRequests and gives those that are approved, for kubelets and for clients, their certificate.
import { rfc3339 } from '../apimachinery/clock.js';
import { parseKey } from '../apimachinery/object.js';
import { makeCertificate, readSigningRequest } from '../client/certificates.js';
import { certificateSigningRequests } from '../kinds/certificates/certificatesigningrequest.js';
import type { CertificateSigningRequest } from '../kinds/types/certificates_v1.js';
import { SIGNER_API_CLIENT, SIGNER_KUBELET_SERVING } from '../kinds/wellknown.js';
import { checkForm, conditionOf, isKubeletSigner } from './csr.js';
import { defineController, type ReconcileContext } from './define.js';

/** A request may ask for less than --cluster-signing-duration, but not for under ten minutes: upstream's least. */
const LIFE_MIN_ms = 600_000;

export const csrSigning = defineController({
  name: 'csrsigning',
  serviceAccount: 'certificate-controller',
  inputs: [certificateSigningRequests],
  outputs: [certificateSigningRequests.status],
  async reconcile(key, context) {
    const { get, client, log } = context;
    const csr = get(certificateSigningRequests, parseKey(key));
    if (!csr || !isSigned(csr.spec.signerName)) return;
    if (csr.status?.certificate || !conditionOf(csr, 'Approved') || conditionOf(csr, 'Failed')) return;
    const status = await sign(csr, context);
    await client.update<CertificateSigningRequest>(certificateSigningRequests, { ...csr, status: { ...csr.status, ...status } }, 'status');
    log.info({ csr: key }, status.certificate ? 'signed' : 'refused to sign what was approved');
  },
});

const isSigned = (signerName: string) => isKubeletSigner(signerName) || signerName === SIGNER_API_CLIENT;

/** A person can approve anything; what does not have the signer's form fails all the same. */
async function sign(
  csr: CertificateSigningRequest,
  { clock, random, options }: ReconcileContext,
): Promise<Partial<CertificateSigningRequest['status']>> {
  const request = await readSigningRequest(Buffer.from(csr.spec.request, 'base64').toString('utf8'));
  const refusal = checkForm(csr, request);
  if (refusal) {
    const now = rfc3339(clock.now());
    const failed = {
      type: 'Failed',
      status: 'True',
      reason: 'SignerValidationFailure',
      message: refusal,
      lastUpdateTime: now,
      lastTransitionTime: now,
    };
    return { conditions: [...(csr.status?.conditions ?? []), failed] };
  }
  const { expirationSeconds } = csr.spec;
  const longest_ms = options.clusterSigningDuration_ms;
  const life_ms = expirationSeconds === undefined ? longest_ms : Math.min(longest_ms, Math.max(LIFE_MIN_ms, expirationSeconds * 1000));
  const pem = await makeCertificate({
    subject: request.subject,
    altNames: request.altNames,
    publicKey: request.publicKey,
    usages: [csr.spec.signerName === SIGNER_KUBELET_SERVING ? 'server auth' : 'client auth'],
    issuer: { cert: options.clusterSigningCert, key: options.clusterSigningKey },
    now_ms: clock.now(),
    validFor_ms: life_ms,
    random,
  });
  return { certificate: Buffer.from(pem).toString('base64') };
}
