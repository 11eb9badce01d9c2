// csrapproving: watches CertificateSigningRequests of kubelets and approves or denies each by who asks for what.
import { rfc3339 } from '../apimachinery/clock.js';
import { parseKey } from '../apimachinery/object.js';
import { readSigningRequest } from '../client/certificates.js';
import { certificateSigningRequests } from '../kinds/certificates/certificatesigningrequest.js';
import { nodes } from '../kinds/core/node.js';
import type { CertificateSigningRequest } from '../kinds/types/certificates_v1.js';
import type { Node } from '../kinds/types/core_v1.js';
import { checkForm, checkRequester, conditionOf, isKubeletSigner, type Refusal } from './csr.js';
import { defineController } from './define.js';

export const csrApproving = defineController({
  name: 'csrapproving',
  serviceAccount: 'certificate-controller',
  // Nodes are only looked at, for names and addresses that are taken.
  inputs: [certificateSigningRequests, nodes.mapped(() => [])],
  outputs: [{ of: certificateSigningRequests, subresource: 'approval' }],
  async reconcile(key, { get, list, client, clock, log }) {
    const csr = get(certificateSigningRequests, parseKey(key));
    if (!csr || !isKubeletSigner(csr.spec.signerName)) return;
    if (conditionOf(csr, 'Approved') || conditionOf(csr, 'Denied')) return;
    const refusal = await check(csr, list(nodes));
    const now = rfc3339(clock.now());
    const condition = {
      type: refusal ? 'Denied' : 'Approved',
      status: 'True',
      reason: refusal ? 'AutoDenied' : 'AutoApproved',
      message: refusal ?? 'the requester may have this certificate',
      lastUpdateTime: now,
      lastTransitionTime: now,
    };
    const conditions = [...(csr.status?.conditions ?? []), condition];
    await client.update<CertificateSigningRequest>(
      certificateSigningRequests,
      { ...csr, status: { ...csr.status, conditions } },
      'approval',
    );
    log.info({ csr: key, requester: csr.spec.username }, refusal ? `denied: ${refusal}` : 'approved');
  },
});

async function check(csr: CertificateSigningRequest, all: readonly Node[]): Promise<Refusal> {
  let request: Awaited<ReturnType<typeof readSigningRequest>>;
  try {
    request = await readSigningRequest(Buffer.from(csr.spec.request, 'base64').toString('utf8'));
  } catch (error) {
    return `the request cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
  return checkForm(csr, request) ?? checkRequester(csr, request, all);
}
