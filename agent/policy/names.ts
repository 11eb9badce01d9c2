// The names of the chains that NetworkPolicies are enforced by: a prefix of their own, in a table of their own.
import { chainHash, type RuleOwner } from '../proxy/names.js';
import type { Table } from '../proxy/rules.js';

/**
 * mangle stands before filter in each hook and after the translation of Service addresses: so no ACCEPT in filter, be it kube-proxy's,
 * Docker's or a firewall's, comes before a policy, in whatever order these programs start.
 */
export const TABLE: Table = 'mangle';

/** What a node passes on: from and to its pods. */
export const FORWARD = 'NETPOL-FORWARD';
/** What is for the node itself: only questions to the DNS server are judged there. */
export const INPUT = 'NETPOL-INPUT';

export type Direction = 'Ingress' | 'Egress';
const PREFIX: { readonly [direction in Direction]: string } = { Ingress: 'NETPOL-IN-', Egress: 'NETPOL-OUT-' };

/** The chain of all pods for which the same rules hold. */
export const policyChain = (direction: Direction, about: string) => `${PREFIX[direction]}${chainHash(about)}`;

export const POLICY: RuleOwner = {
  tables: [TABLE],
  isOurChain: (name) => name === FORWARD || name === INPUT || /^NETPOL-(?:IN|OUT)-[A-Z2-7]{16}$/.test(name),
  neverEmpty: [
    [TABLE, FORWARD],
    [TABLE, INPUT],
  ],
};
