// The names of kube-proxy's chains: upstream's, so that they read the same in iptables-save, and the test for "is it ours".
import { createHash } from 'node:crypto';

export const SERVICES = 'KUBE-SERVICES';
export const NODEPORTS = 'KUBE-NODEPORTS';
export const EXTERNAL_SERVICES = 'KUBE-EXTERNAL-SERVICES';
export const MARK_MASQ = 'KUBE-MARK-MASQ';
export const POSTROUTING = 'KUBE-POSTROUTING';
export const FORWARD = 'KUBE-FORWARD';
export const FIREWALL = 'KUBE-FIREWALL';
/** Not upstream's: masquerades what pods send out of the cluster, which there is the network add-on's task. */
export const POD_MASQ = 'KUBE-POD-MASQ';

const FIXED = new Set([SERVICES, NODEPORTS, EXTERNAL_SERVICES, MARK_MASQ, POSTROUTING, FORWARD, FIREWALL, POD_MASQ]);
const HASHED = /^KUBE-(?:SVC|SVL|EXT|SEP)-[A-Z2-7]{16}$/;

/** Whether kube-proxy may rewrite and delete this chain. */
export const isOurChain = (name: string): boolean => FIXED.has(name) || HASHED.test(name);

/** `namespace/name:port`, or `namespace/name` for a port without a name. */
export function servicePortName(namespace: string, name: string, port: string | undefined): string {
  return `${namespace}/${name}${port ? `:${port}` : ''}`;
}

type Kind = 'SVC' | 'SVL' | 'EXT' | 'SEP';

/** SVC: all endpoints; SVL: those on this node; EXT: what comes from outside; SEP: one endpoint (`ip:port`). */
export function chainName(kind: Kind, servicePort: string, protocol: string, endpoint = ''): string {
  const digest = createHash('sha256').update(`${servicePort}${protocol}${endpoint}`).digest();
  return `KUBE-${kind}-${base32(digest, 16)}`;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function base32(bytes: Uint8Array, length: number): string {
  let out = '';
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = ((buffer << 8) | byte) & 0xffff;
    for (bits += 8; bits >= 5 && out.length < length; bits -= 5) out += ALPHABET[(buffer >>> (bits - 5)) & 31];
  }
  return out;
}
