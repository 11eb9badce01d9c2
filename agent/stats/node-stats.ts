// NodeStats: one look at what the node, its pods and their containers use, taken only when somebody asks.
import { readlink } from 'node:fs/promises';
import { type Clock, sleep } from '../../src/apimachinery/clock.js';
import type { ContainerRuntime, RunningContainer } from '../runtime/runtime.js';
import { type CgroupPaths, type CgroupUsage, cgroupName, cgroupOf, parentOf, readCgroup, rootCgroup } from './cgroup.js';
import { type InterfaceStats, interfacesOf } from './network.js';

/** A rate is over at least so long: less tells more of the moment than of the container. */
const RATE_MIN_MS = 1_000;
/** An older look says nothing of now. */
const RATE_MAX_MS = 60_000;

export interface Measured {
  readonly usage: CgroupUsage;
  /** Wall time of the reading. */
  readonly at_ms: number;
  /** As metrics name the control group. */
  readonly cgroup: string;
}

export interface ContainerStats extends Measured {
  readonly container: RunningContainer;
}

export interface PodStats {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly startedAt_ms: number;
  readonly containers: readonly ContainerStats[];
  /** Of the pod's own control group; absent where it has none, and its containers are all there is. */
  readonly own: Measured | undefined;
  readonly sandbox: ContainerStats | undefined;
  /** Empty for pods on the node's network. */
  readonly interfaces: readonly InterfaceStats[];
}

export interface NodeSnapshot {
  readonly node: Measured;
  readonly pods: readonly PodStats[];
}

export class NodeStats {
  /** CPU time of each group at the last look that a rate was taken from. */
  #before: { readonly times: ReadonlyMap<string, number>; readonly at_ms: number } | undefined;
  readonly #cgroups = new Map<string, CgroupPaths>();

  constructor(
    private readonly runtime: ContainerRuntime,
    private readonly clock: Clock,
  ) {}

  async snapshot(): Promise<NodeSnapshot> {
    const running = await this.runtime.running();
    const ids = new Set(running.map(({ id }) => id));
    for (const id of this.#cgroups.keys()) if (!ids.has(id)) this.#cgroups.delete(id);
    const measured = (await Promise.all(running.map((container) => this.#measure(container)))).filter((each) => each !== undefined);
    const byPod = new Map<string, ContainerStats[]>();
    for (const each of measured) byPod.set(each.container.podUid, [...(byPod.get(each.container.podUid) ?? []), each]);
    const [pods, node] = await Promise.all([
      Promise.all([...byPod].map(([uid, containers]) => this.#pod(uid, containers))),
      this.#group(rootCgroup()),
    ]);
    if (!node) throw new Error('the control groups of this machine cannot be read');
    return { node, pods };
  }

  /**
   * A look with the CPU that each group uses now, by its name, in billionths of a core. It needs a look before this one: where
   * the last was too long ago, it takes one first.
   */
  async withRates(): Promise<{ readonly snapshot: NodeSnapshot; readonly nanoCores: ReadonlyMap<string, number> }> {
    const isFresh = (at_ms: number) => this.clock.monotonic() - at_ms <= RATE_MAX_MS;
    if (!this.#before || !isFresh(this.#before.at_ms))
      this.#before = { times: timesOf(await this.snapshot()), at_ms: this.clock.monotonic() };
    const { times, at_ms } = this.#before;
    const early_ms = RATE_MIN_MS - (this.clock.monotonic() - at_ms);
    if (early_ms > 0) await sleep(this.clock, early_ms);
    const snapshot = await this.snapshot();
    const now_ms = this.clock.monotonic();
    const after = timesOf(snapshot);
    this.#before = { times: after, at_ms: now_ms };
    const nanoCores = new Map<string, number>();
    for (const [name, time] of after) {
      const before = times.get(name);
      if (before !== undefined && time >= before) nanoCores.set(name, Math.round(((time - before) * 1000) / (now_ms - at_ms)));
    }
    return { snapshot, nanoCores };
  }

  async #measure(container: RunningContainer): Promise<ContainerStats | undefined> {
    const paths = this.#cgroups.get(container.id) ?? (await cgroupOf(container.pid));
    if (!paths) return undefined;
    this.#cgroups.set(container.id, paths);
    const group = await this.#group(paths);
    return group && { ...group, container };
  }

  async #group(paths: CgroupPaths): Promise<Measured | undefined> {
    const usage = await readCgroup(paths);
    return usage && { usage, at_ms: this.clock.now(), cgroup: cgroupName(paths) };
  }

  async #pod(uid: string, all: readonly ContainerStats[]): Promise<PodStats> {
    const { podName: name, podNamespace: namespace } = all[0]!.container;
    const sandbox = all.find(({ container }) => container.name === '');
    const parent = parentOf(this.#cgroups.get(all[0]!.container.id)!);
    const isOwn = cgroupName(parent).replaceAll('_', '-').includes(uid);
    return {
      uid,
      name,
      namespace,
      startedAt_ms: Math.min(...all.map(({ container }) => container.startedAt_ms)),
      containers: all.filter(({ container }) => container.name !== ''),
      own: isOwn ? await this.#group(parent) : undefined,
      sandbox,
      interfaces: sandbox && !(await isOnNodeNetwork(sandbox.container.pid)) ? await interfacesOf(sandbox.container.pid) : [],
    };
  }
}

async function isOnNodeNetwork(pid: number): Promise<boolean> {
  const [its, ours] = await Promise.all([pid, 'self'].map((id) => readlink(`/proc/${id}/ns/net`).catch(() => undefined)));
  return its === ours;
}

function timesOf({ node, pods }: NodeSnapshot): ReadonlyMap<string, number> {
  const all = [
    node,
    ...pods.flatMap(({ containers, own, sandbox }) => [...containers, ...(own ? [own] : []), ...(sandbox ? [sandbox] : [])]),
  ];
  return new Map(all.map(({ cgroup, usage }) => [cgroup, usage.cpu_ns]));
}
