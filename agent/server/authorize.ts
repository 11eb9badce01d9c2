// Who may ask the kubelet: the API server, and the cluster's administrators.
import type { TLSSocket } from 'node:tls';
import { forbiddenRequest, unauthorized } from '../../src/apimachinery/status.js';
import { nodes } from '../../src/kinds/core/node.js';
import { GROUP_MASTERS } from '../../src/kinds/wellknown.js';

/** As kubeadm names the API server's certificate for kubelets. */
export const USER_API_SERVER = 'kube-apiserver-kubelet-client';

/** Throws a StatusError: 401 without a certificate of the cluster's CA, 403 with another's. */
export function authorize(socket: TLSSocket): void {
  if (!socket.authorized) throw unauthorized('Unauthorized: a client certificate of the cluster is required');
  const { subject } = socket.getPeerCertificate();
  const groups = subject.O as string | readonly string[] | undefined;
  const isMaster = typeof groups === 'string' ? groups === GROUP_MASTERS : (groups?.includes(GROUP_MASTERS) ?? false);
  if (subject.CN !== USER_API_SERVER && !isMaster) {
    throw forbiddenRequest(nodes.groupResource, '', `user "${subject.CN}" may not ask the kubelet`);
  }
}
