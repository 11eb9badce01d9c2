// What a hop of a connection's way is, and what several of them need.
import type { Proxyz } from '../../client/proxyz.js';
import type { Facts } from './gather.js';

export interface Hop {
  readonly name: 'source' | 'DNS' | 'endpoints' | 'rules' | 'DNAT' | 'policy' | 'route' | 'endpoint';
  readonly ok: boolean;
  readonly text: string;
  /** Of the endpoint that the hop is about, where there are several. */
  readonly endpoint?: string;
  readonly remedy?: string;
}

export const MENDING =
  'somebody else changed the rules. The agent writes lost rules again by itself, within seconds: where they are lost again and again, look who else runs iptables there; a rule that says something else stays until its Service changes or the agent is restarted';

export const nameOf = ({ metadata }: { readonly metadata: { readonly namespace?: string; readonly name: string } }) =>
  `${metadata.namespace}/${metadata.name}`;

export const tableOf = ({ nodes }: Facts, name: string | undefined): Proxyz | undefined => nodes.find(({ node }) => node === name)?.table;
