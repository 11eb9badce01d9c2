// The VXLAN device that carries pods' traffic to nodes behind a router: made, kept what the Nodes say, and taken away again.
import type { Logger } from '../../src/apimachinery/logger.js';
import { type Exec, ExecError } from '../proxy/exec.js';

export const VXLAN_DEVICE = 'porthole-vx';
/** Flannel's port, which firewalls of clusters know; the network's number is our own, so that both can be on one node. */
const VXLAN_PORT = 8472;
const VXLAN_ID = 76;
/** Outer Ethernet, IP, UDP and VXLAN headers. */
export const VXLAN_OVERHEAD_BYTES = 50;

export interface VxlanPeer {
  /** Where the other node's end of the tunnel is. */
  readonly nodeIp: string;
  /** The other device's own address: the first of that node's pod CIDR, which no pod is given. */
  readonly gateway: string;
}

export interface VxlanDevice {
  readonly nodeIp: string;
  /** This device's own address; absent while the node has no pod CIDR. */
  readonly gateway?: string;
  readonly mtu: number;
}

/** A node's end of the tunnel has the address that everyone can work out from the node's: nobody need publish it. */
export function vxlanMac(nodeIp: string): string {
  const bytes = nodeIp.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  // Locally administered.
  return ['02', '76', ...bytes].join(':');
}

interface IpLink {
  readonly mtu: number;
  readonly address: string;
  readonly flags: readonly string[];
  readonly linkinfo?: { readonly info_data?: { readonly id?: number; readonly local?: string; readonly port?: number } };
  readonly addr_info?: readonly { readonly local: string }[];
}

/** Makes device and entries what they should be. A device of ours with other settings is made anew: true then. */
export async function syncVxlan(exec: Exec, device: VxlanDevice, peers: readonly VxlanPeer[], log: Logger): Promise<boolean> {
  const isNew = await ensureDevice(exec, device, log);
  const wanted = new Map(peers.map(({ nodeIp, gateway }) => [gateway, { nodeIp, mac: vxlanMac(nodeIp) }]));
  const { neighbours, forwarding } = await present(exec);
  const commands: string[] = [];
  const batch: string[] = [];
  for (const [gateway, { nodeIp, mac }] of wanted) {
    if (neighbours.get(gateway) !== mac) commands.push(`neigh replace ${gateway} lladdr ${mac} dev ${VXLAN_DEVICE} nud permanent`);
    // Another destination of the same address would get a copy of everything.
    const stale = forwarding.filter((entry) => entry.mac === mac && entry.dst !== nodeIp);
    for (const { dst } of stale) batch.push(`fdb del ${mac} dev ${VXLAN_DEVICE} dst ${dst}`);
    if (!forwarding.some((entry) => entry.mac === mac && entry.dst === nodeIp))
      batch.push(`fdb append ${mac} dev ${VXLAN_DEVICE} dst ${nodeIp} self permanent`);
  }
  const macs = new Set([...wanted.values()].map(({ mac }) => mac));
  for (const [gateway] of neighbours) if (!wanted.has(gateway)) commands.push(`neigh del ${gateway} dev ${VXLAN_DEVICE}`);
  for (const { mac, dst } of forwarding) if (!macs.has(mac)) batch.push(`fdb del ${mac} dev ${VXLAN_DEVICE} dst ${dst}`);
  if (batch.length > 0) await exec('bridge', ['-batch', '-'], { stdin: `${batch.join('\n')}\n` });
  if (commands.length > 0) await exec('ip', ['-batch', '-'], { stdin: `${commands.join('\n')}\n` });
  return isNew;
}

async function ensureDevice(exec: Exec, { nodeIp, gateway, mtu }: VxlanDevice, log: Logger): Promise<boolean> {
  const link = await vxlanLink(exec);
  const data = link?.linkinfo?.info_data;
  const mac = vxlanMac(nodeIp);
  const isRight = data?.id === VXLAN_ID && data.local === nodeIp && data.port === VXLAN_PORT && link?.address === mac && link.mtu === mtu;
  const address = `${gateway}/32`;
  const settings = ['id', VXLAN_ID, 'local', nodeIp, 'dstport', VXLAN_PORT, 'nolearning'].join(' ');
  const commands = [
    ...(link && !isRight ? [`link del ${VXLAN_DEVICE}`] : []),
    ...(isRight ? [] : [`link add ${VXLAN_DEVICE} address ${mac} mtu ${mtu} type vxlan ${settings}`]),
    ...(link?.addr_info ?? [])
      .filter(({ local }) => isRight && local !== gateway && !local.includes(':'))
      .map(({ local }) => `address del ${local}/32 dev ${VXLAN_DEVICE}`),
    ...(gateway && !(isRight && link?.addr_info?.some(({ local }) => local === gateway))
      ? [`address add ${address} dev ${VXLAN_DEVICE}`]
      : []),
    ...(isRight && link?.flags.includes('UP') ? [] : [`link set ${VXLAN_DEVICE} up`]),
  ];
  if (commands.length === 0) return false;
  await exec('ip', ['-batch', '-'], { stdin: `${commands.join('\n')}\n` });
  log.info({ device: VXLAN_DEVICE, local: nodeIp, address: gateway, mtu }, 'VXLAN device set up for pods of other nodes');
  return true;
}

async function vxlanLink(exec: Exec): Promise<IpLink | undefined> {
  try {
    const [link] = JSON.parse(await exec('ip', ['-json', '-details', 'address', 'show', 'dev', VXLAN_DEVICE])) as readonly IpLink[];
    return link;
  } catch (error) {
    if (error instanceof ExecError && /does not exist/.test(error.stderr)) return undefined;
    throw error;
  }
}

interface Present {
  readonly neighbours: ReadonlyMap<string, string>;
  readonly forwarding: readonly { readonly mac: string; readonly dst: string }[];
}

async function present(exec: Exec): Promise<Present> {
  const show = async (program: string, args: readonly string[]) =>
    JSON.parse((await exec(program, ['-json', ...args])).trim() || '[]') as readonly { readonly [key: string]: string | undefined }[];
  const neighbours = await show('ip', ['-4', 'neigh', 'show', 'dev', VXLAN_DEVICE, 'nud', 'permanent']);
  const forwarding = await show('bridge', ['fdb', 'show', 'dev', VXLAN_DEVICE]);
  return {
    neighbours: new Map(neighbours.map(({ dst, lladdr }) => [dst!, lladdr!])),
    forwarding: forwarding.flatMap(({ mac, dst }) => (mac && dst ? [{ mac, dst }] : [])),
  };
}

/** Its addresses, entries and routes go with it. True where there was one. */
export async function removeVxlan(exec: Exec, log: Logger): Promise<boolean> {
  if (!(await vxlanLink(exec))) return false;
  await exec('ip', ['link', 'del', VXLAN_DEVICE]);
  log.info({ device: VXLAN_DEVICE }, 'no node needs the VXLAN device any more: removed');
  return true;
}
