// How a node's processes enter its namespaces: its network and, where the machine's resolv.conf does not serve there, its mounts.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.js';
import type { NodeLayout } from './state.js';

/** The file that keeps the mount namespace alive, on a mount of its own: the kernel wants that to be private. */
const mountNamespace = (node: NodeLayout) => join(node.runDir, 'ns/mnt');

/**
 * The beginning of the command line of everything that belongs to the node. All of it shares one mount namespace, as the engine's
 * daemons and the agent mount for one another. (`ip netns exec` would hide /sys/fs/cgroup.)
 */
export type NodeEntry = readonly string[];

/**
 * Makes the node's mount namespace, with `resolvConf` as its /etc/resolv.conf, if one is given. Needs its network namespace. What
 * the machine mounts later is seen there, not the other way round.
 */
export async function enterNode(node: NodeLayout, resolvConf: string | undefined): Promise<NodeEntry> {
  const network = `--net=${node.netnsPath}`;
  if (resolvConf === undefined) return ['nsenter', network, '--'];
  const directory = join(node.runDir, 'ns');
  await mkdir(directory, { recursive: true });
  await run('mount', ['--bind', directory, directory]);
  await run('mount', ['--make-private', directory]);
  await writeFile(mountNamespace(node), '');
  const namespace = `--mount=${mountNamespace(node)}`;
  await run('unshare', [namespace, '--propagation', 'slave', 'mount', '--bind', resolvConf, '/etc/resolv.conf']);
  return ['nsenter', network, namespace, '--'];
}
