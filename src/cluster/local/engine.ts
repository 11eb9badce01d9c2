// A node's Docker Engine: its own containerd and dockerd, in the node's network namespace, each under a supervisor.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../../apimachinery/clock.js';
import { run } from './command.js';
import { type EngineApi, engineApi } from './engine-api.js';
import type { NodeEntry } from './namespaces.js';
import { deathOf, startSupervised, stopSupervised } from './process.js';
import type { NodeLayout } from './state.js';
import { waitFor } from './wait.js';

/** 0.3-0.6 s when idle; a loaded or slow machine, or thousands of containers to restore, take longer. */
const READY_TIMEOUT_MS = 60_000;
/** Pods have been told to stop already when this counts: what is left would not heed a longer one. */
const CONTAINER_GRACE_S = 2;
const PROCESS_GRACE_MS = 10_000;
/** A container's log: bounded, as kubelets bound theirs (containerLogMaxSize, containerLogMaxFiles). */
const CONTAINER_LOG = { 'max-size': '10m', 'max-file': '5' };
/** Up to here dockerd keeps its ID in a key file, in /etc/docker unless told otherwise; later ones keep it under data-root. */
const LAST_MAJOR_WITH_KEY_FILE = 22;

export interface EngineOptions {
  readonly clock: Clock;
  readonly entry: NodeEntry;
  readonly dockerMajor: number;
}

/** `Docker version 20.10.24+dfsg1, build ...` -> 20. */
export async function dockerMajorVersion(): Promise<number> {
  const said = await run('dockerd', ['--version']);
  return Number(/version v?(\d+)\./.exec(said)?.[1] ?? Number.POSITIVE_INFINITY);
}

/** Starts the engine and resolves once it answers. */
export async function startEngine(node: NodeLayout, options: EngineOptions): Promise<EngineApi> {
  await writeConfigs(node, options);
  const { clock } = options;
  await startSupervised(node.containerd, [...options.entry, ...containerdCommand(node)]);
  // dockerd would find out by itself, but only after a back-off of a second.
  await waitFor(async () => ((await accepts(node.containerdSocket)) ? true : undefined), {
    clock,
    timeout_ms: READY_TIMEOUT_MS,
    what: `containerd of ${node.name} does not start`,
    failure: () => deathOf(node.containerd),
  });
  await startSupervised(node.dockerd, [...options.entry, ...dockerdCommand(node)]);
  const engine = engineApi(node.dockerSocket);
  await waitFor(async () => ((await engine.ping()) ? true : undefined), {
    clock,
    timeout_ms: READY_TIMEOUT_MS,
    what: `dockerd of ${node.name} does not start`,
    failure: () => deathOf(node.dockerd),
  });
  return engine;
}

/** Stops the containers, then the engine. What the engine does not answer for is left to the sweep. */
export async function stopEngine(node: NodeLayout, clock: Clock): Promise<void> {
  const engine = engineApi(node.dockerSocket);
  if (await engine.ping()) {
    const ids = await engine.containers();
    await Promise.all(ids.map((id) => engine.stopContainer(id, CONTAINER_GRACE_S)));
  }
  await stopSupervised(node.dockerd, clock, PROCESS_GRACE_MS);
  await stopSupervised(node.containerd, clock, PROCESS_GRACE_MS);
}

const containerdConfig = (node: NodeLayout) => join(node.dataDir, 'containerd.toml');
const dockerdConfig = (node: NodeLayout) => join(node.dataDir, 'dockerd.json');
const dockerdPidFile = (node: NodeLayout) => join(node.runDir, 'docker.pid');

async function writeConfigs(node: NodeLayout, { dockerMajor }: EngineOptions): Promise<void> {
  await Promise.all([mkdir(node.runDir, { recursive: true }), mkdir(node.dataDir, { recursive: true })]);
  const containerd = [
    'version = 2',
    `root = ${JSON.stringify(join(node.dataDir, 'containerd'))}`,
    `state = ${JSON.stringify(join(node.runDir, 'containerd'))}`,
    // Docker uses neither the CRI nor these snapshotters; without them containerd is ready sooner.
    'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]',
    '[grpc]',
    `address = ${JSON.stringify(node.containerdSocket)}`,
    '[debug]',
    'level = "warn"',
    '',
  ];
  const dockerd = {
    'log-level': 'warn',
    'log-driver': 'json-file',
    'log-opts': CONTAINER_LOG,
    // With the systemd driver a parent would have to be a slice; this one works with and without systemd.
    'exec-opts': ['native.cgroupdriver=cgroupfs'],
    ...(dockerMajor <= LAST_MAJOR_WITH_KEY_FILE ? { 'deprecated-key-path': join(node.dataDir, 'docker-key.json') } : {}),
  };
  await Promise.all([
    writeFile(containerdConfig(node), containerd.join('\n')),
    writeFile(dockerdConfig(node), JSON.stringify(dockerd)),
    // The file of an engine that was killed; its number may be some other process's by now.
    rm(dockerdPidFile(node), { force: true }),
  ]);
}

const containerdCommand = (node: NodeLayout) => ['containerd', '--config', containerdConfig(node)];

const dockerdCommand = (node: NodeLayout) => [
  'dockerd',
  `--config-file=${dockerdConfig(node)}`,
  `--host=unix://${node.dockerSocket}`,
  `--containerd=${node.containerdSocket}`,
  `--data-root=${join(node.dataDir, 'docker')}`,
  `--exec-root=${join(node.runDir, 'docker')}`,
  `--pidfile=${dockerdPidFile(node)}`,
  '--bridge=none',
  '--iptables=false',
  '--ip6tables=false',
  '--ip-forward=false',
  '--userland-proxy=false',
  '--live-restore',
  `--cgroup-parent=${node.cgroup}`,
];

function accepts(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', () => resolve(false));
  });
}
