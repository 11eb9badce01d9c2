// The names of kube-proxy's chains: upstream's, so that they read the same in iptables-save, and the test for "is it ours".
import { createHash } from 'node:crypto';
import type { Table } from './iptables.js';

export const SERVICES = 'KUBE-SERVICES';
export const NODEPORTS = 'KUBE-NODEPORTS';
export const EXTERNAL_SERVICES = 'KUBE-EXTERNAL-SERVICES';
export const MARK_MASQ = 'KUBE-MARK-MASQ';
export const POSTROUTING = 'KUBE-POSTROUTING';
export const FORWARD = 'KUBE-FORWARD';
export const FIREWALL = 'KUBE-FIREWALL';
export const PROXY_FIREWALL = 'KUBE-PROXY-FIREWALL';
/** Leads nowhere; that it is there and not empty tells that nobody flushed its table. */
export const CANARY = 'KUBE-PROXY-CANARY';
/** Not upstream's: masquerades what pods send out of the cluster, which there is the network add-on's task. */
export const POD_MASQ = 'KUBE-POD-MASQ';

const FIXED = new Set([
  SERVICES,
  NODEPORTS,
  EXTERNAL_SERVICES,
  MARK_MASQ,
  POSTROUTING,
  FORWARD,
  FIREWALL,
  PROXY_FIREWALL,
  CANARY,
  POD_MASQ,
]);
const HASHED = /^KUBE-(?:SVC|SVL|EXT|FW|SEP)-[A-Z2-7]{16}$/;

/** Who keeps rules on this node: which chains are whose to rewrite and delete, so that several can, each with its own. */
export interface RuleOwner {
  readonly tables: readonly Table[];
  isOurChain(name: string): boolean;
  /** Chains that are never empty unless somebody flushed them. */
  readonly neverEmpty: readonly (readonly [Table, string])[];
}

/** kube-proxy. */
export const PROXY: RuleOwner = {
  tables: ['nat', 'filter'],
  isOurChain: (name) => FIXED.has(name) || HASHED.test(name),
  neverEmpty: [
    ['nat', CANARY],
    ['filter', CANARY],
  ],
};

/** `namespace/name:port`, or `namespace/name` for a port without a name. */
export function servicePortName(namespace: string, name: string, port: string | undefined): string {
  return `${namespace}/${name}${port ? `:${port}` : ''}`;
}

type Kind = 'SVC' | 'SVL' | 'EXT' | 'FW' | 'SEP';

/** SVC: all endpoints; SVL: those on this node; EXT: what comes from outside; FW: of that, who may; SEP: one endpoint (`ip:port`). */
export function chainName(kind: Kind, servicePort: string, protocol: string, endpoint = ''): string {
  return `KUBE-${kind}-${chainHash(`${servicePort}${protocol}${endpoint}`)}`;
}

/** 16 letters and digits that stand for a text: upstream's. */
export const chainHash = (text: string): string => base32(createHash('sha256').update(text).digest(), 16);

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
