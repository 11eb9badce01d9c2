// Brings the shared cluster up with the command a person would use, and after the tests removes it and looks for what it left.
// All the while, watches of every resource are held to what watches promise.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { httpsTransport } from '../../src/client/https.js';
import { readKubeconfig } from '../../src/cluster/read-kubeconfig.js';
import { WatchChecker } from '../suites/watch-checker.js';
import { CLUSTER_FLAGS, layout, run, setup, UP_FLAGS } from './lab.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** What `bin/setup up` printed, and its exit code. */
    up: { readonly code: number; readonly stdout: string; readonly stderr: string };
    /** A home directory of the tests' own, with a kubeconfig that was there before. */
    home: string;
  }
}

/** What a cluster may not change for good: sorted, counters and times apart. */
async function traces(): Promise<string[]> {
  const programs: [string, string[]][] = [
    ['ip', ['netns', 'list']],
    ['ip', ['-o', 'link', 'show']],
    ['ip', ['route', 'show']],
    ['iptables-save', []],
    ['sysctl', ['net.ipv4.ip_forward']],
    [
      'sh',
      [
        '-c',
        `ls /var/lib/porthole/local /run/porthole 2>/dev/null; grep -F '/porthole/' /proc/mounts; find /sys/fs/cgroup -maxdepth 3 -name "e2e*"`,
      ],
    ],
    ['sh', ['-c', `ps -eo args | grep -E '[/]${layout.name}/(node-|control-plane)' || true`]],
  ];
  const outputs = await Promise.all(programs.map(([program, args]) => run(program, args)));
  return outputs.flatMap((o) =>
    o.stdout
      .split('\n')
      .map(traceOf)
      .filter((line) => !EMPTY_TABLE.test(line)),
  );
}

/** What iptables-save says of a table without rules: it comes into being when anybody looks at it. */
const EMPTY_TABLE = /^(\*\w+|COMMIT|:[A-Z]+ ACCEPT ?)$/;

/** Counters and numbers that change by themselves are no traces. */
const traceOf = (line: string) =>
  line
    .replace(/^#.*/, '')
    .replace(/\[\d+:\d+\]/, '')
    .replace(/^\d+: /, '');

export default async function start(project: TestProject): Promise<() => Promise<void>> {
  const cleaned = await setup('clean', '--cluster', layout.name);
  if (cleaned.code !== 0) throw new Error(`could not clean up after an earlier run: ${cleaned.stderr}`);
  const before = await traces();
  const home = mkdtempSync(join(tmpdir(), 'porthole-home-'));
  process.env['HOME'] = home;
  delete process.env['SUDO_USER'];
  await run('sh', ['-c', `mkdir -p ${home}/.kube && printf '%s' "$KUBECONFIG_BEFORE" > ${home}/.kube/config`], {
    env: { KUBECONFIG_BEFORE },
  });
  const up = await setup('up', ...UP_FLAGS, ...CLUSTER_FLAGS);
  // Without the cluster its addresses would lead out of this machine, so nothing may be sent to them.
  if (up.code !== 0) throw new Error(`bin/setup up failed:\n${up.stdout}${up.stderr}`);
  const watches = await followWatches();
  project.provide('up', up);
  project.provide('home', home);
  return async () => {
    const broken = await watches.stop();
    const end = await setup('clean', '--cluster', layout.name);
    const after = await traces();
    rmSync(home, { recursive: true, force: true });
    if (end.code !== 0) throw new Error(`clean failed: ${end.stderr}`);
    const left = after.filter((line) => !before.includes(line));
    if (left.length > 0) throw new Error(`clean left traces:\n${left.join('\n')}`);
    if (broken.length > 0) throw new Error(`watches broke their promises:\n${broken.join('\n')}`);
  };
}

/** Watches of every resource, for as long as the tests run. */
async function followWatches(): Promise<{ stop(): Promise<readonly string[]> }> {
  const { server, ca, cert, key } = await readKubeconfig(layout.kubeconfig);
  const transport = httpsTransport({ server, ca, cert, key });
  const checker = await WatchChecker.start(transport);
  return {
    async stop() {
      const problems = await checker.stop();
      console.log(
        `followed ${checker.events} events of all resources: ${problems.length === 0 ? 'in order, none missing, none twice' : 'broken'}`,
      );
      transport.close();
      return problems;
    },
  };
}

/** Somebody's own file, comment and all: the context is merged into it and nothing else changes. */
export const KUBECONFIG_BEFORE = `# my clusters
apiVersion: v1
kind: Config
preferences: {}
clusters:
- name: work   # do not touch
  cluster: {server: "https://192.0.2.1:6443"}
users:
- name: me
  user: {token: secret}
contexts:
- name: work
  context: {cluster: work, user: me}
current-context: work
`;
