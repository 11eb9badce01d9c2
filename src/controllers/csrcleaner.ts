// csrcleaner: watches CertificateSigningRequests and deletes those that have been answered, or left unanswered, for long.
import { parseKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { certificateSigningRequests } from '../kinds/certificates/certificatesigningrequest.js';
import { conditionOf } from './csr.js';
import { defineController } from './define.js';

/** Upstream's: an answered request is of no use after the requester has had time to fetch it, an unanswered one waits for a person. */
const ANSWERED_KEEP_ms = 3600_000;
const PENDING_KEEP_ms = 24 * 3600_000;

export const csrCleaner = defineController({
  name: 'csrcleaner',
  serviceAccount: 'certificate-controller',
  inputs: [certificateSigningRequests],
  outputs: [certificateSigningRequests],
  async reconcile(key, { get, client, clock }) {
    const csr = get(certificateSigningRequests, parseKey(key));
    if (!csr) return;
    const answer =
      conditionOf(csr, 'Denied') ?? conditionOf(csr, 'Failed') ?? (csr.status?.certificate ? conditionOf(csr, 'Approved') : undefined);
    const since = answer?.lastUpdateTime ?? csr.metadata.creationTimestamp;
    const left_ms = Date.parse(since) + (answer ? ANSWERED_KEEP_ms : PENDING_KEEP_ms) - clock.now();
    if (left_ms > 0) return { requeueAfter_ms: left_ms };
    try {
      await client.delete(certificateSigningRequests, csr.metadata, { preconditions: { uid: csr.metadata.uid } });
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
    }
  },
});
