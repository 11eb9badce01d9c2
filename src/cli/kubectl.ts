// `porthole kubectl ...`: the real kubectl, speaking to a local cluster.
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { constants as osConstants } from 'node:os';
import { Command } from 'commander';
import { findKubectl } from '../cluster/local/kubectl.js';
import { type ClusterLayout, DEFAULT_CLUSTER, existingLayout } from '../cluster/local/state.js';
import { reportUserErrors } from './user-errors.js';

export const kubectlCommand = new Command('kubectl')
  .description('Run the real kubectl (from PATH, else a shipped one) against a local cluster')
  .option('--cluster <name>', "name of the cluster; only before kubectl's own arguments", DEFAULT_CLUSTER)
  .argument('[args...]', "kubectl's own")
  .helpOption(false)
  .allowUnknownOption()
  .passThroughOptions()
  .action((args: readonly string[], flags: { readonly cluster: string }) => reportUserErrors(() => kubectl(flags.cluster, args)));

async function kubectl(cluster: string, args: readonly string[]): Promise<void> {
  const layout = await existingLayout(cluster);
  const path = await findKubectl();
  const target = await targetOf(layout);
  const child = spawn(path, [...target.args, ...args], { stdio: 'inherit', env: { ...process.env, ...target.env } });
  // Ctrl-C goes to the whole foreground group: kubectl decides what it means.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => child.kill(name));
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(status ?? 128 + (signal ? osConstants.signals[signal] : 0)));
  });
}

/** The cluster's own kubeconfig where it may be read (root), else the context that `up` has merged into the person's. */
async function targetOf(layout: ClusterLayout): Promise<{ args: readonly string[]; env: NodeJS.ProcessEnv }> {
  const readable = await access(layout.kubeconfig, constants.R_OK).then(
    () => true,
    () => false,
  );
  return readable ? { args: [], env: { KUBECONFIG: layout.kubeconfig } } : { args: ['--context', layout.name], env: {} };
}
