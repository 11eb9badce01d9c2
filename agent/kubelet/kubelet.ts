// startKubelet: assembles a node's kubelet out of its parts and runs it until it is stopped.
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { type Clock, type Random, sleep } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { Client } from '../../src/client/client.js';
import type { EventRecorder } from '../../src/client/events.js';
import type { Informer, Informers } from '../../src/client/informer.js';
import { nodes } from '../../src/kinds/core/node.js';
import { pods } from '../../src/kinds/core/pod.js';
import { ANNOTATION_LOCAL_PATH } from '../../src/kinds/storage/local-path.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { CniNetwork } from '../cni/cni.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';
import { ProbeManager } from '../probes/manager.js';
import { systemExec } from '../proxy/exec.js';
import type { ContainerRuntime } from '../runtime/runtime.js';
import { localPathRoot } from '../volumes/local-path.js';
import { admit, insufficient } from './admission.js';
import { forPods, nodeAllocatable, nodeCapacity } from './allocatable.js';
import { Backoff } from './backoff.js';
import { CgroupManager } from './cgroups/manager.js';
import { runCleanup } from './cleanup.js';
import { ImageManager } from './image-manager.js';
import { keepLease } from './lease.js';
import { hasAppArmor, machineFacts, oomScoreFloor } from './machine.js';
import type { KubeletMetrics } from './metrics.js';
import { NodeReporter } from './node.js';
import { NodeCare, type NodeCareSeams } from './node-care.js';
import { PodDirs } from './pod-dirs.js';
import { PodLogs } from './pod-logs.js';
import { PodWorkers } from './pod-workers.js';
import { PulledImages } from './pulled-images.js';
import { infeasible } from './resize.js';
import type { PodServices } from './services.js';
import { apiSources } from './sources.js';
import { StatusManager } from './status-manager.js';
import { unfit } from './unfit.js';

/** Of each second that a Lease lasts: a renewal comes after an eighth of it, 5 s by default. */
const LEASE_RENEWALS_MS = 1000 / 8;

export interface KubeletOptions extends NodeCareSeams {
  readonly nodeName: string;
  readonly nodeIps: readonly string[];
  readonly nodeLabels: { readonly [key: string]: string };
  readonly rootDirectory: string;
  /** The node's own resolv.conf. */
  readonly resolvConf: string;
  readonly settings: KubeletSettings;
  /** Where the server below listens, for the Node's status. */
  readonly port: number;
  /** Absent: so that a Lease outlives several renewals that fail. */
  readonly nodeLeaseRenewInterval_ms?: number;
  readonly client: Client;
  readonly informers: Informers;
  readonly events: EventRecorder;
  readonly metrics: KubeletMetrics;
  readonly runtime: ContainerRuntime;
  readonly network: CniNetwork;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface Kubelet {
  /** Ends all loops; the pods run on. */
  stop(): void;
}

/** A restarted agent first learns what the API knows of its static pods; without the API they start all the same. */
const API_WAIT_MS = 2_000;

/** Resolves once the node is registered; pods are looked after from then on. */
export async function startKubelet(options: KubeletOptions): Promise<Kubelet> {
  const { nodeName, nodeIps, settings, client, informers, events, runtime, network, clock, random } = options;
  const log = options.log.child({ component: 'kubelet' });
  const stopping = new AbortController();
  const { signal } = stopping;
  // Each loop, worker and wait listens to it: that there are many is no leak.
  setMaxListeners(0, signal);
  const dirs = new PodDirs(options.rootDirectory);
  const logs = new PodLogs(settings.podLogsDir, log);
  const machine = await machineFacts(options.rootDirectory);
  const oomFloor = await oomScoreFloor();
  const cgroups = new CgroupManager({
    settings,
    runtime,
    forPods: forPods(machine, settings),
    hugepageSizes: Object.keys(machine.hugepages_bytes),
    exec: systemExec,
    clock,
    metrics: options.metrics,
    enforced: () => events.event(node.known, 'Normal', 'NodeAllocatableEnforced', 'Updated Node Allocatable limit across pods'),
  });
  const pulled = new PulledImages(join(options.rootDirectory, 'image_manager'), settings);
  const care = new NodeCare({
    ...options,
    dirs,
    pulled,
    log,
    stopping: signal,
    node: () => node.current,
    changed: () => node.poke(),
  });
  const node: NodeReporter = new NodeReporter({
    name: nodeName,
    ips: nodeIps,
    labels: options.nodeLabels,
    annotations: { [ANNOTATION_LOCAL_PATH]: localPathRoot(options.rootDirectory) },
    settings,
    port: options.port,
    machine,
    client,
    runtime,
    informer: informers.of(nodes, { fieldSelector: `metadata.name=${nodeName}` }),
    events,
    clock,
    log,
    stopping: signal,
    care,
    reloadNetwork: (podCidr) => network.reload(podCidr),
  });
  await care.observe();
  const informer = informers.of(pods, { fieldSelector: `spec.nodeName=${nodeName}` });
  const probes = new ProbeManager({ runtime, events, metrics: options.metrics, clock, changed: (uid) => workers.wake(uid) });
  const features = { allowedUnsafeSysctls: settings.allowedUnsafeSysctls, appArmor: await hasAppArmor() };
  const services: PodServices = {
    runtime,
    client,
    events,
    clock,
    random,
    log,
    statuses: new StatusManager({ client, clock, random, log, stopping: signal, apiUid: (pod) => workers.statics.apiUid(pod) }),
    probes,
    metrics: options.metrics,
    images: new ImageManager({ runtime, events, settings, pulled, starts: options.metrics.starts, clock, log }),
    restarts: new Backoff(clock),
    dirs,
    logs,
    sources: apiSources({ client, informers, clock, log }),
    node: {
      name: nodeName,
      ips: nodeIps,
      memory_bytes: machine.memory_bytes,
      allocatable: nodeAllocatable(nodeCapacity(machine, settings), settings),
    },
    settings,
    clusterDns: { addresses: settings.clusterDNS, domain: settings.clusterDomain },
    resolvConf: options.resolvConf,
    oomFloor,
    cgroups,
    cannotResize(pod) {
      const allocatable = node.allocatable();
      const others = workers.active().filter(({ metadata }) => metadata.uid !== pod.metadata.uid);
      const [short] = insufficient(pod, others, allocatable);
      return infeasible(pod, allocatable) ?? (short && { reason: 'Deferred', message: short.message });
    },
    admit(pod, others) {
      const failure = unfit(pod, features);
      if (failure) return { failure, preempts: [] };
      const { pressures, isShuttingDown: shuttingDown } = care;
      return admit(pod, others, { node: node.known, allocatable: node.allocatable(), pressures, shuttingDown });
    },
  };
  const workers = new PodWorkers(services, informer, signal, () => node.current);
  await followManifests(workers, informer, { ...options, log, stopping: signal });
  await node.register();
  // Before any pod is looked at: a node that is known already has its network.
  await network.reload(node.current?.spec.podCIDR);
  void keepLease({
    client,
    node: () => node.current,
    nodeName,
    duration_s: settings.nodeLeaseDurationSeconds,
    interval_ms: options.nodeLeaseRenewInterval_ms ?? settings.nodeLeaseDurationSeconds * LEASE_RENEWALS_MS,
    clock,
    random,
    log,
    stopping: signal,
  });
  void node.run();
  if (oomFloor === 0 && node.current) {
    const message = 'containers cannot be protected from the OOM killer: this machine lacks CAP_SYS_RESOURCE, so no OOM score is below 0';
    events.event(node.current, 'Warning', 'OOMScoreAdjDegraded', message);
  }

  workers.start();
  const cleanup = { runtime, dirs, logs, cgroups, clock, log, stopping: signal, isKnown: (uid: string) => workers.has(uid) };
  informer.whenSynced(signal).then(
    () => {
      void runCleanup(cleanup);
      void workers.statics.keepMirrors(signal);
      care.run(workers, cgroups);
    },
    () => undefined,
  );
  return {
    stop: () => stopping.abort(new Error('the kubelet stops')),
  };
}

/** Static pods start before the API server is asked for anything: it may be one of them. */
async function followManifests(
  workers: PodWorkers,
  informer: Informer<Pod>,
  options: KubeletOptions & { readonly stopping: AbortSignal },
): Promise<void> {
  const { settings, nodeName, clock, log, stopping } = options;
  if (!settings.staticPodPath) return;
  await Promise.race([informer.whenSynced(stopping), sleep(clock, API_WAIT_MS, stopping)]).catch(() => undefined);
  // Few nodes have any, and reading them takes the schemas of all kinds.
  const { ManifestFolder } = await import('./static/manifest-folder.js');
  const changed = (pods: readonly Pod[]) => workers.statics.setManifests(pods);
  const { staticPodPath: path, fileCheckFrequency: interval_ms } = settings;
  await new ManifestFolder({ path, interval_ms, nodeName, clock, log, stopping, changed }).start();
}
