// What the controllers of certificate signing requests share: the signers, what they sign, and who may ask for a kubelet's certificate.
import { isDns1123Subdomain } from '../apimachinery/names.js';
import type { SigningRequest } from '../client/certificates.js';
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '../kinds/types/certificates_v1.js';
import type { Node } from '../kinds/types/core_v1.js';
import {
  GROUP_BOOTSTRAPPERS,
  GROUP_NODES,
  SIGNER_API_CLIENT,
  SIGNER_KUBELET_CLIENT,
  SIGNER_KUBELET_SERVING,
  USER_NODE_PREFIX,
} from '../kinds/wellknown.js';

/** `undefined`: the request is in order. Else why it is refused, for the person who reads the Denied condition. */
export type Refusal = string | undefined;

export function conditionOf(
  csr: CertificateSigningRequest,
  type: 'Approved' | 'Denied' | 'Failed',
): CertificateSigningRequestCondition | undefined {
  return csr.status?.conditions?.find((condition) => condition.type === type && condition.status === 'True');
}

export function isKubeletSigner(signerName: string): boolean {
  return signerName === SIGNER_KUBELET_CLIENT || signerName === SIGNER_KUBELET_SERVING;
}

/** The node that a kubelet's request names, or undefined where it is no kubelet's name. */
export function nodeNameIn({ subject }: SigningRequest): string | undefined {
  const { commonName, organizations = [] } = subject;
  if (!commonName.startsWith(USER_NODE_PREFIX) || organizations.length !== 1 || organizations[0] !== GROUP_NODES) return undefined;
  const name = commonName.slice(USER_NODE_PREFIX.length);
  return isDns1123Subdomain(name).length === 0 ? name : undefined;
}

/** What holds for every certificate of a signer, whoever asks and whoever approves: checked again before signing. */
export function checkForm(csr: CertificateSigningRequest, request: SigningRequest): Refusal {
  // The name and the groups are the business of whoever approves.
  if (csr.spec.signerName === SIGNER_API_CLIENT) return checkUsages(csr, 'client auth');
  const serving = csr.spec.signerName === SIGNER_KUBELET_SERVING;
  const node = nodeNameIn(request);
  if (!node) return `the subject must be CN=${USER_NODE_PREFIX}<node name>, O=${GROUP_NODES}`;
  const { dns, ips } = request.altNames;
  if (request.otherNames > 0) return 'only DNS names and IP addresses may be asked for';
  if (!serving && dns.length + ips.length > 0) return 'a client certificate has no DNS names or IP addresses';
  if (serving && dns.length + ips.length === 0) return 'a serving certificate needs a DNS name or an IP address';
  if (dns.some((name) => name !== node)) return `the only DNS name of node ${node} is its own name`;
  return checkUsages(csr, serving ? 'server auth' : 'client auth');
}

function checkUsages(csr: CertificateSigningRequest, wanted: 'server auth' | 'client auth'): Refusal {
  const allowed = new Set(['digital signature', 'key encipherment', wanted]);
  const usages = csr.spec.usages ?? [];
  if (!usages.includes(wanted) || usages.some((usage) => !allowed.has(usage))) return `the usages must be digital signature and ${wanted}`;
  return undefined;
}

/** Whether the requester may have this certificate; `nodes` are all there are. */
export function checkRequester(csr: CertificateSigningRequest, request: SigningRequest, nodes: readonly Node[]): Refusal {
  const { username = '', groups = [], signerName } = csr.spec;
  const isItself = username === request.subject.commonName && groups.includes(GROUP_NODES);
  const node = nodeNameIn(request);
  if (signerName === SIGNER_KUBELET_SERVING) {
    if (!isItself) return `only ${request.subject.commonName} itself may ask for its serving certificate, not ${username}`;
    const taken = nodes.find(
      ({ metadata, status }) => metadata.name !== node && addressesOf(status).some((ip) => request.altNames.ips.includes(ip)),
    );
    return taken ? `an address that it asks for belongs to node ${taken.metadata.name}` : undefined;
  }
  if (isItself) return undefined;
  if (!groups.includes(GROUP_BOOTSTRAPPERS)) return `${username} may not ask for a node's client certificate`;
  return nodes.some((other) => other.metadata.name === node && isReady(other))
    ? `a node named ${node} has joined and is Ready: give the new one another name (--hostname-override), or stop that one, and wait until it is NotReady or run kubectl delete node ${node}`
    : undefined;
}

const addressesOf = (status: Node['status']) => (status?.addresses ?? []).map(({ address }) => address);
const isReady = ({ status }: Node) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
