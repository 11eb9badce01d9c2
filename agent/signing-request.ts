// requestCertificate: gets a certificate from the cluster by a CertificateSigningRequest, and waits for the answer by watch.
import { type Clock, sleep } from '../src/apimachinery/clock.js';
import { StatusError } from '../src/apimachinery/status.js';
import { type AltNames, makeKey, makeSigningRequest, type Usage } from '../src/client/certificates.js';
import type { Client } from '../src/client/client.js';
import { certificateSigningRequests } from '../src/kinds/certificates/certificatesigningrequest.js';
import type { CertificateSigningRequest } from '../src/kinds/types/certificates_v1.js';
import { GROUP_NODES, USER_NODE_PREFIX } from '../src/kinds/wellknown.js';
import { BootstrapError } from './bootstrap-error.js';
import type { CertAndKey } from './certificate-store.js';

/** The controllers answer in milliseconds; where they do not by then, something is wrong on the server. */
const ANSWER_TIMEOUT_ms = 60_000;
/** Between a watch that ended without an answer and the next. */
const RETRY_ms = 500;

export interface SigningRequestOptions {
  readonly client: Client;
  readonly nodeName: string;
  readonly signerName: string;
  readonly usage: Usage;
  readonly altNames?: AltNames;
  readonly clock: Clock;
}

/** Rejects with a BootstrapError where the request is denied or not answered, with a StatusError where it cannot be made. */
export async function requestCertificate(options: SigningRequestOptions): Promise<CertAndKey> {
  const { client, nodeName, signerName, usage, altNames, clock } = options;
  const key = makeKey();
  const subject = { commonName: USER_NODE_PREFIX + nodeName, organizations: [GROUP_NODES] };
  const request = await makeSigningRequest({ subject, ...(altNames && { altNames }), key });
  const made = await client.create<CertificateSigningRequest>(certificateSigningRequests, {
    metadata: { generateName: 'csr-' },
    spec: { request: Buffer.from(request).toString('base64'), signerName, usages: ['digital signature', usage] },
  });
  const timeout = new AbortController();
  const timer = clock.after(ANSWER_TIMEOUT_ms, () => timeout.abort());
  try {
    const cert = await answerTo(made, client, clock, timeout.signal);
    return { cert, key };
  } finally {
    timer.cancel();
    timeout.abort();
  }
}

async function answerTo(made: CertificateSigningRequest, client: Client, clock: Clock, signal: AbortSignal): Promise<string> {
  const { name } = made.metadata;
  let seen = made.metadata.resourceVersion;
  while (!signal.aborted) {
    try {
      const options = { fieldSelector: `metadata.name=${name}`, resourceVersion: seen };
      for await (const { type, object } of client.watch(certificateSigningRequests, options, signal)) {
        seen = object.metadata.resourceVersion;
        if (type === 'DELETED') throw new BootstrapError(`the signing request ${name} was deleted before it was answered`);
        const cert = certificateIn(object);
        if (cert) return cert;
      }
    } catch (error) {
      // A watch may break off; the answer does not get lost by it.
      if (!(error instanceof StatusError) || error.code < 500) throw error;
    }
    await sleep(clock, RETRY_ms);
  }
  const way = 'look at its log, or approve the request by hand: kubectl get csr';
  throw new BootstrapError(`the server has not answered the signing request ${name} within ${ANSWER_TIMEOUT_ms / 1000} s: ${way}`);
}

function certificateIn({ metadata, status }: CertificateSigningRequest): string | undefined {
  const refused = status?.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed');
  if (refused)
    throw new BootstrapError(
      `the server refused the signing request ${metadata.name}: ${refused.message ?? refused.reason ?? refused.type}`,
    );
  return status?.certificate ? Buffer.from(status.certificate, 'base64').toString('utf8') : undefined;
}
