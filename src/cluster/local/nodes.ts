// The agents of the local nodes: each in its node's network namespace, with directories of its own, joined by token as any node is.
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../apimachinery/clock.js';
import type { NodeEntry } from './namespaces.js';
import { CNI_BIN_DIRS } from './preflight.js';
import { startSupervised, stopSupervised } from './process.js';
import { portholeCommand } from './server.js';
import type { ClusterLayout, NodeLayout } from './state.js';

const STOP_GRACE_MS = 10_000;

/** Where the agent keeps the client certificate that joining has brought it. */
const certDir = (node: NodeLayout) => join(node.dataDir, 'pki');

/** False for a node that has joined before: it needs no token again. */
export async function needsToken(node: NodeLayout): Promise<boolean> {
  return access(join(certDir(node), 'kubelet-client.crt')).then(
    () => false,
    () => true,
  );
}

export interface AgentOptions {
  readonly token: string | undefined;
  readonly entry: NodeEntry;
  readonly extraArgs: readonly string[];
}

export async function startAgent(layout: ClusterLayout, node: NodeLayout, options: AgentOptions): Promise<void> {
  const command = portholeCommand(
    'agent',
    `--server=${layout.apiUrl}`,
    ...(options.token === undefined ? [] : [`--token=${options.token}`]),
    `--hostname-override=${node.name}`,
    `--node-ip=${node.address}`,
    `--root-dir=${join(node.dataDir, 'kubelet')}`,
    `--cert-dir=${certDir(node)}`,
    `--pod-logs-dir=${join(node.dataDir, 'log/pods')}`,
    `--cgroup-root=${node.cgroup}`,
    `--cni-conf-dir=${join(node.dataDir, 'cni/net.d')}`,
    `--cni-bin-dir=${CNI_BIN_DIRS.join(',')}`,
    `--docker-endpoint=unix://${node.dockerSocket}`,
    `--containerd=${node.containerdSocket}`,
    ...options.extraArgs,
  );
  await startSupervised(node.agent, [...options.entry, ...command]);
}

export const stopAgent = (node: NodeLayout, clock: Clock) => stopSupervised(node.agent, clock, STOP_GRACE_MS);
