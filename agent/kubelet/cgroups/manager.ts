// Pods' control groups on this node: each pod's own, below that of its quality of service, below what the node has for pods.
import type { Clock } from '../../../src/apimachinery/clock.js';
import { type QosClass, qosClassOf } from '../../../src/kinds/core/pod-qos.js';
import { podRequests } from '../../../src/kinds/core/podutil.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import type { KubeletSettings } from '../../config/kubelet-configuration.js';
import type { Exec } from '../../proxy/exec.js';
import type { ContainerRuntime, RuntimeInfo } from '../../runtime/runtime.js';
import type { KubeletMetrics } from '../metrics.js';
import { CPU_SHARES_MIN, cpuShares } from '../resources.js';
import { CgroupHierarchy } from './hierarchy.js';
import { type CgroupLimits, cgroupFiles, podCgroupLimits, widest } from './limits.js';
import { type CgroupName, cgroupParent, cgroupPath, kubepods, podCgroup, podUidOf, qosCgroup, sliceOf } from './names.js';
import { removeSlice, setSlice, sliceProperties } from './systemd.js';

export interface CgroupOptions {
  readonly settings: KubeletSettings;
  readonly runtime: Pick<ContainerRuntime, 'info'>;
  /** What the node has for all pods together. */
  readonly forPods: CgroupLimits;
  /** Sizes of huge pages that the machine has: `2Mi`. */
  readonly hugepageSizes: readonly string[];
  readonly exec: Exec;
  readonly clock: Clock;
  readonly metrics: Pick<KubeletMetrics, 'took'>;
  /** All pods together are bounded now. */
  readonly enforced: () => void;
}

interface Applied {
  readonly qos: QosClass;
  readonly cpu_milli: number;
  /** The limits as they were written. */
  readonly text: string;
}

interface Setup {
  readonly info: RuntimeInfo;
  readonly hierarchy: CgroupHierarchy;
}

const QOS_CLASSES: readonly QosClass[] = ['Guaranteed', 'Burstable', 'BestEffort'];

export class CgroupManager {
  /** Once the engine has said how it keeps groups; asked again where it could not. */
  private setup: Promise<Setup> | undefined;
  private readonly applied = new Map<string, Applied>();
  private burstableShares = 0;
  /** Settles when the last sharing out has; its error is told to whoever asked for it. */
  private sharing: Promise<void> = Promise.resolve();

  constructor(private readonly options: CgroupOptions) {}

  /** Makes the pod's group, or brings its limits to what the pod asks for, and returns what the engine calls it. */
  async apply(pod: Pod): Promise<string> {
    const { settings, hugepageSizes } = this.options;
    const { uid } = pod.metadata;
    const { info } = await this.ready();
    const qos = pod.status.qosClass ? (pod.status.qosClass as QosClass) : qosClassOf(pod.spec);
    const name = podCgroup(settings.cgroupRoot, qos, uid);
    const limits = podCgroupLimits(pod.spec, settings, hugepageSizes);
    const text = JSON.stringify(limits);
    const before = this.applied.get(uid);
    if (before?.text !== text) {
      await this.measured(before ? 'update' : 'create', this.set(name, limits));
      this.applied.set(uid, { qos, cpu_milli: podRequests(pod).get('cpu') ?? 0, text });
      await this.shareOut();
    }
    return cgroupParent(name, info.cgroupDriver);
  }

  /** Makes the pod's group at least as wide as both what it was and what the pod asks for now: containers change in between. */
  async widen(pod: Pod): Promise<void> {
    const { settings, hugepageSizes } = this.options;
    const { uid } = pod.metadata;
    const before = this.applied.get(uid);
    if (!before) return;
    const wide = widest(JSON.parse(before.text) as CgroupLimits, podCgroupLimits(pod.spec, settings, hugepageSizes));
    await this.set(podCgroup(settings.cgroupRoot, before.qos, uid), wide);
    this.applied.set(uid, { ...before, text: JSON.stringify(wide) });
  }

  /** Of a pod that no longer runs. Nothing to remove is no error. */
  async remove(uid: string): Promise<void> {
    const { info, hierarchy } = await this.ready();
    const known = this.applied.get(uid);
    for (const qos of known ? [known.qos] : QOS_CLASSES) {
      const name = podCgroup(this.options.settings.cgroupRoot, qos, uid);
      const path = cgroupPath(name, info.cgroupDriver);
      if (info.cgroupDriver === 'systemd' && (await hierarchy.exists(path))) await removeSlice(this.options.exec, sliceOf(name));
      await this.measured('destroy', hierarchy.remove(path));
    }
    if (this.applied.delete(uid)) await this.shareOut();
  }

  private async measured(operation_type: string, work: Promise<void>): Promise<void> {
    const { clock, metrics } = this.options;
    const began_ms = clock.monotonic();
    await work;
    metrics.took('kubelet_cgroup_manager_duration_seconds', { operation_type }, clock.monotonic() - began_ms);
  }

  /** Pods that have a group, whether they still exist or not. */
  async list(): Promise<readonly string[]> {
    const { info, hierarchy } = await this.ready();
    const parents = QOS_CLASSES.map((qos) => cgroupPath(qosCgroup(this.options.settings.cgroupRoot, qos), info.cgroupDriver));
    const names = (await Promise.all(parents.map((parent) => hierarchy.children(parent)))).flat();
    return names.map((name) => podUidOf(name, info.cgroupDriver)).filter((uid) => uid !== undefined);
  }

  /** The hierarchy and the path of a pod's group, for what it uses; undefined: it has none. */
  async find(uid: string): Promise<{ readonly hierarchy: CgroupHierarchy; readonly path: string } | undefined> {
    const qos = this.applied.get(uid)?.qos;
    if (!qos) return undefined;
    const { info, hierarchy } = await this.ready();
    return { hierarchy, path: cgroupPath(podCgroup(this.options.settings.cgroupRoot, qos, uid), info.cgroupDriver) };
  }

  private ready(): Promise<Setup> {
    this.setup ??= this.begin().catch((error: unknown) => {
      this.setup = undefined;
      throw error;
    });
    return this.setup;
  }

  private async begin(): Promise<Setup> {
    const { runtime, settings, clock, forPods } = this.options;
    const info = await runtime.info();
    const setup = { info, hierarchy: new CgroupHierarchy(info.cgroupVersion, clock) };
    const enforced = settings.enforceNodeAllocatable.includes('pods');
    await this.set(kubepods(settings.cgroupRoot), enforced ? forPods : {}, setup);
    if (enforced) this.options.enforced();
    await this.set(qosCgroup(settings.cgroupRoot, 'Burstable'), { cpuShares: CPU_SHARES_MIN }, setup);
    await this.set(qosCgroup(settings.cgroupRoot, 'BestEffort'), { cpuShares: CPU_SHARES_MIN }, setup);
    return setup;
  }

  private async set(name: CgroupName, limits: CgroupLimits, known?: Setup): Promise<void> {
    const { info, hierarchy } = known ?? (await this.ready());
    const path = cgroupPath(name, info.cgroupDriver);
    if (info.cgroupDriver === 'systemd') {
      await setSlice(this.options.exec, sliceOf(name), sliceProperties(limits, info.cgroupVersion));
    }
    await hierarchy.make(path);
    await hierarchy.write(path, cgroupFiles(limits, info.cgroupVersion));
  }

  /** Burstable pods have the weight of all that they asked for, beside the Guaranteed ones; the others only what is left. */
  private shareOut(): Promise<void> {
    // In turn, each with the sum of its own moment: a write that overtakes another would leave an old sum for good.
    const turn = this.sharing.then(() => this.writeShares());
    this.sharing = turn.catch(() => {});
    return turn;
  }

  private async writeShares(): Promise<void> {
    let cpu_milli = 0;
    for (const { qos, cpu_milli: own } of this.applied.values()) if (qos === 'Burstable') cpu_milli += own;
    const shares = cpuShares(cpu_milli);
    if (shares === this.burstableShares) return;
    await this.set(qosCgroup(this.options.settings.cgroupRoot, 'Burstable'), { cpuShares: shares });
    this.burstableShares = shares;
  }
}
