// The nodes' network on one machine: a namespace for each node, one for the bridge between them, a link from there to the machine,
// and NAT to the outside in chains of our own. Everything is made anew at each start and undone by `down`.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run, succeeds } from './command.js';
import type { ClusterLayout } from './state.js';

/** In a namespace of its own, so that no two clusters' bridges meet. */
const BRIDGE = 'br0';
const LAN_UPLINK = 'uplink';
const NODE_LINK = 'eth0';
/** Below a cluster's run directory: what IP_FORWARD was before. */
const FORWARD_MARK = 'ip_forward';
const IP_FORWARD = '/proc/sys/net/ipv4/ip_forward';

/** Needs root, and that nothing of an earlier start is left (`removeNetwork`). */
export async function createNetwork(layout: ClusterLayout): Promise<void> {
  // One after the other: two first calls at a time would both set up /run/netns.
  for (const netns of namespaces(layout)) await run('ip', ['netns', 'add', netns]);
  await run('ip', ['-batch', '-'], { input: rootCommands(layout).join('\n') });
  await run('ip', ['-n', layout.lanNetns, '-batch', '-'], { input: lanCommands(layout).join('\n') });
  await Promise.all(
    layout.nodeList.map((node) =>
      run('ip', ['-n', node.netns, '-batch', '-'], {
        input: [
          'link set lo up',
          `address add ${node.address}/${layout.prefixLength} dev ${NODE_LINK}`,
          `link set ${NODE_LINK} up`,
          `route add default via ${layout.gateway}`,
        ].join('\n'),
      }),
    ),
  );
  await enableForwarding(layout);
  await addChains(layout);
}

const namespaces = (layout: ClusterLayout) => [layout.lanNetns, ...layout.nodeList.map((node) => node.netns)];

function rootCommands(layout: ClusterLayout): string[] {
  return [
    `link add ${layout.hostLink} type veth peer name ${LAN_UPLINK} netns ${layout.lanNetns}`,
    `address add ${layout.gateway}/${layout.prefixLength} dev ${layout.hostLink}`,
    `link set ${layout.hostLink} up`,
  ];
}

/** Run in the bridge's namespace: the links to the nodes have their node's name here, so that a test can cut one. */
function lanCommands(layout: ClusterLayout): string[] {
  return [
    'link set lo up',
    `link add ${BRIDGE} type bridge`,
    `link set ${BRIDGE} up`,
    `link set ${LAN_UPLINK} master ${BRIDGE}`,
    `link set ${LAN_UPLINK} up`,
    ...layout.nodeList.flatMap((node) => [
      `link add ${node.name} type veth peer name ${NODE_LINK} netns ${node.netns}`,
      `link set ${node.name} master ${BRIDGE}`,
      `link set ${node.name} up`,
    ]),
  ];
}

/** Forwarding is the whole machine's: what it was is kept, for `removeNetwork` to restore. */
async function enableForwarding(layout: ClusterLayout): Promise<void> {
  const before = (await readFile(IP_FORWARD, 'utf8')).trim();
  if (before === '1') return;
  await mkdir(layout.runDir, { recursive: true });
  await writeFile(forwardMark(layout), before);
  await writeFile(IP_FORWARD, '1');
}

const forwardMark = (layout: ClusterLayout) => join(layout.runDir, FORWARD_MARK);

async function restoreForwarding(layout: ClusterLayout): Promise<void> {
  const before = await readFile(forwardMark(layout), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (before === undefined) return;
  const heir = (await readdir(dirname(layout.runDir))).find((name) => name !== layout.name);
  if (heir !== undefined) {
    // Another cluster forwards too; the last one restores.
    await rename(forwardMark(layout), join(dirname(layout.runDir), heir, FORWARD_MARK));
    return;
  }
  // A Docker of the machine's own that was started meanwhile needs it as much as we did.
  if (!(await succeeds('ip', ['link', 'show', 'docker0']))) await writeFile(IP_FORWARD, before);
  await rm(forwardMark(layout));
}

/**
 * Lets this machine, and so the API server, reach the pods: webhooks, aggregated API servers and the proxy subresources need it. The
 * routes go with the link. Returns the ranges that lead elsewhere already, which is another local cluster's doing: they all use the same ones.
 */
export async function addPodRoutes(layout: ClusterLayout, podCidrs: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const taken: string[] = [];
  for (const { name, address } of layout.nodeList) {
    const cidr = podCidrs.get(name);
    if (cidr === undefined) continue;
    const route = [cidr, 'via', address, 'dev', layout.hostLink];
    if (!(await succeeds('ip', ['route', 'add', ...route]))) taken.push(cidr);
  }
  return taken;
}

async function addChains(layout: ClusterLayout): Promise<void> {
  const { forward, postrouting } = layout.chains;
  const rules = [
    '*filter',
    `:${forward} - [0:0]`,
    `-A ${forward} -i ${layout.hostLink} -j ACCEPT`,
    `-A ${forward} -o ${layout.hostLink} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    // First: the machine's Docker and firewalls end this chain with their own DROP.
    `-I FORWARD 1 -j ${forward}`,
    'COMMIT',
    '*nat',
    `:${postrouting} - [0:0]`,
    `-A ${postrouting} -s ${layout.subnet} ! -d ${layout.subnet} -j MASQUERADE`,
    `-I POSTROUTING 1 -j ${postrouting}`,
    'COMMIT',
    '',
  ];
  await run('iptables-restore', ['-w', '--noflush'], { input: rules.join('\n') });
}

async function removeChain(table: string, builtin: string, chain: string): Promise<void> {
  const base = ['-w', '-t', table];
  while (await succeeds('iptables', [...base, '-C', builtin, '-j', chain])) await run('iptables', [...base, '-D', builtin, '-j', chain]);
  if (!(await succeeds('iptables', [...base, '-S', chain]))) return;
  await run('iptables', [...base, '-F', chain]);
  await run('iptables', [...base, '-X', chain]);
}

/** Removes whatever is there of the cluster's links, namespaces and chains, also what a killed run left of a larger cluster. */
export async function removeNetwork(layout: ClusterLayout): Promise<void> {
  if (await succeeds('ip', ['link', 'show', layout.hostLink])) await run('ip', ['link', 'delete', layout.hostLink]);
  const present = (await run('ip', ['netns', 'list'])).split('\n').map((line) => line.split(' ')[0]!);
  const ours = present.filter((netns) => netns === layout.lanNetns || isNodeNetns(layout, netns));
  for (const netns of ours) await run('ip', ['netns', 'delete', netns]);
  await removeChain('filter', 'FORWARD', layout.chains.forward);
  await removeChain('nat', 'POSTROUTING', layout.chains.postrouting);
  await restoreForwarding(layout);
}

function isNodeNetns(layout: ClusterLayout, netns: string): boolean {
  const prefix = `${layout.name}-node-`;
  return netns.startsWith(prefix) && /^\d+$/.test(netns.slice(prefix.length));
}
