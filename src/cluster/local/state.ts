// Where a local cluster's things are and what they are called: all of it follows from its name, subnet, port and number of nodes.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PORT_API } from '../../kinds/wellknown.js';
import { dataPaths } from '../data-paths.js';
import { UserError } from './user-error.js';

export const DEFAULT_CLUSTER = 'porthole';
export const DEFAULT_SUBNET = '192.168.241.0/24';
export const DEFAULT_NODES = 3;
/** Node i's address ends in this plus i: below are the machine's own end and room to spare. */
const FIRST_NODE_HOST = 10;
/** What is left of a /24 above FIRST_NODE_HOST. */
export const MAX_NODES = 240;
/** An interface name has at most 15 characters, and ours is the cluster's name and a digit. */
const MAX_CLUSTER_NAME = 14;

const DATA_ROOT = '/var/lib/porthole/local';
const RUN_ROOT = '/run/porthole';
/** Made by the first cluster, gone with the last; the deepest first. */
export const SHARED_DIRS: readonly string[] = [RUN_ROOT, DATA_ROOT, dirname(DATA_ROOT)];

/** What `up` was told, kept beside the data so that stop, clean and kubectl need only the name. */
export interface ClusterSpec {
  readonly name: string;
  readonly subnet: string;
  readonly nodes: number;
  readonly port: number;
}

/** A supervised process: bin/respawn writes both pid files, `<pidFile>` its own and `<pidFile>.child` the command's. */
export interface ProcessLayout {
  readonly pidFile: string;
  readonly logFile: string;
}

export interface NodeLayout {
  /** The Kubernetes name: node-1. */
  readonly name: string;
  readonly address: string;
  /** As `ip netns` knows it; also /run/netns/<netns>. */
  readonly netns: string;
  readonly netnsPath: string;
  readonly runDir: string;
  readonly dataDir: string;
  /** Parent of the cgroups of all its containers, from the hierarchy's root. */
  readonly cgroup: string;
  readonly containerdSocket: string;
  readonly dockerSocket: string;
  readonly containerd: ProcessLayout;
  readonly dockerd: ProcessLayout;
  readonly agent: ProcessLayout;
}

export interface ClusterLayout extends ClusterSpec {
  readonly runDir: string;
  readonly dataDir: string;
  readonly specFile: string;
  /** The server's --data-dir; its admin kubeconfig and CA are below it. */
  readonly serverDir: string;
  /** The server's own, by its advertised address. */
  readonly adminKubeconfig: string;
  /** Ours, by the loopback address: a stopped cluster refuses connections, where the other address would lead out to the network. */
  readonly kubeconfig: string;
  readonly caFile: string;
  readonly server: ProcessLayout;
  /** The machine's own address on the cluster's bridge: where nodes find the API server, and their default route. */
  readonly gateway: string;
  /** Where nodes reach the API server. */
  readonly apiUrl: string;
  /** Where this machine does. */
  readonly localUrl: string;
  readonly prefixLength: number;
  readonly lanNetns: string;
  /** The machine's end of the link to the bridge. */
  readonly hostLink: string;
  readonly chains: { readonly forward: string; readonly postrouting: string };
  readonly cgroup: string;
  readonly nodeList: readonly NodeLayout[];
}

/** Refuses, in one line, names and numbers that cannot become links, addresses and paths. */
export function validateSpec(spec: ClusterSpec): void {
  if (!/^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(spec.name) || spec.name.length > MAX_CLUSTER_NAME) {
    throw new UserError(
      `cluster name ${JSON.stringify(spec.name)} is not usable: give lower-case letters, digits and dashes, at most ${MAX_CLUSTER_NAME}`,
    );
  }
  if (!Number.isInteger(spec.nodes) || spec.nodes < 1 || spec.nodes > MAX_NODES) {
    throw new UserError(`--nodes ${spec.nodes} is not usable: give a number from 1 to ${MAX_NODES}`);
  }
  if (!Number.isInteger(spec.port) || spec.port < 1 || spec.port > 65535) {
    throw new UserError(`--port ${spec.port} is not usable: give a number from 1 to 65535`);
  }
  subnetBase(spec.subnet);
}

/** The first three octets of an IPv4 /24. */
function subnetBase(subnet: string): string {
  const match = /^((\d{1,3})\.(\d{1,3})\.(\d{1,3}))\.0\/24$/.exec(subnet);
  if (!match || match.slice(2).some((octet) => Number(octet) > 255)) {
    throw new UserError(`--subnet ${subnet} is not usable: give an IPv4 /24 such as ${DEFAULT_SUBNET}`);
  }
  return match[1]!;
}

export function layoutOf(spec: ClusterSpec): ClusterLayout {
  validateSpec(spec);
  const base = subnetBase(spec.subnet);
  const runDir = join(RUN_ROOT, spec.name);
  const dataDir = join(DATA_ROOT, spec.name);
  const serverDir = join(dataDir, 'control-plane');
  const paths = dataPaths(serverDir);
  const upper = spec.name.toUpperCase();
  const gateway = `${base}.1`;
  return {
    ...spec,
    runDir,
    dataDir,
    specFile: specFileOf(spec.name),
    serverDir,
    adminKubeconfig: paths.adminKubeconfig,
    kubeconfig: join(dataDir, 'kubeconfig'),
    caFile: join(paths.pki, 'ca.crt'),
    server: processLayout(runDir, dataDir, 'server'),
    gateway,
    apiUrl: `https://${gateway}:${spec.port}`,
    localUrl: `https://127.0.0.1:${spec.port}`,
    prefixLength: 24,
    lanNetns: `${spec.name}-lan`,
    hostLink: `${spec.name}0`,
    chains: { forward: `${upper}-FORWARD`, postrouting: `${upper}-POSTROUTING` },
    cgroup: `/${spec.name}`,
    nodeList: Array.from({ length: spec.nodes }, (_, i) => nodeLayout(spec, base, runDir, dataDir, i + 1)),
  };
}

function nodeLayout(spec: ClusterSpec, base: string, clusterRunDir: string, clusterDataDir: string, index: number): NodeLayout {
  const name = `node-${index}`;
  const netns = `${spec.name}-${name}`;
  const runDir = join(clusterRunDir, name);
  const dataDir = join(clusterDataDir, name);
  return {
    name,
    address: `${base}.${FIRST_NODE_HOST + index}`,
    netns,
    netnsPath: `/run/netns/${netns}`,
    runDir,
    dataDir,
    cgroup: `/${spec.name}/${name}`,
    containerdSocket: join(runDir, 'containerd.sock'),
    dockerSocket: join(runDir, 'docker.sock'),
    containerd: processLayout(runDir, dataDir, 'containerd'),
    dockerd: processLayout(runDir, dataDir, 'dockerd'),
    agent: processLayout(runDir, dataDir, 'agent'),
  };
}

const processLayout = (runDir: string, dataDir: string, name: string): ProcessLayout => ({
  pidFile: join(runDir, `${name}.pid`),
  logFile: join(dataDir, `${name}.log`),
});

const specFileOf = (name: string) => join(DATA_ROOT, name, 'cluster.json');

/** The spec that `up` kept, or undefined where no such cluster has been started. */
export async function readSpec(name: string): Promise<ClusterSpec | undefined> {
  let text: string;
  try {
    text = await readFile(specFileOf(name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as ClusterSpec;
  } catch {
    throw new UserError(`${specFileOf(name)} is damaged: run porthole clean --cluster ${name} and start anew`);
  }
}

export async function writeSpec(layout: ClusterLayout): Promise<void> {
  const { name, subnet, nodes, port } = layout;
  await mkdir(dirname(layout.specFile), { recursive: true });
  await writeFile(layout.specFile, `${JSON.stringify({ name, subnet, nodes, port })}\n`);
}

/** The layout of a cluster that was started before, or of the defaults: what stop and clean work on. */
export async function existingLayout(name: string): Promise<ClusterLayout> {
  return layoutOf((await readSpec(name)) ?? { name, subnet: DEFAULT_SUBNET, nodes: DEFAULT_NODES, port: PORT_API });
}
