// This node's Node object: registered, or adopted where it is there already, and its status kept true.
import { type Clock, sleep } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import { isStatus, StatusError } from '../../src/apimachinery/status.js';
import type { Client } from '../../src/client/client.js';
import type { EventRecorder } from '../../src/client/events.js';
import type { Informer } from '../../src/client/informer.js';
import { nodes } from '../../src/kinds/core/node.js';
import { resourceAmount } from '../../src/kinds/core/podutil.js';
import type { Node, NodeStatus } from '../../src/kinds/types/core_v1.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';
import type { ContainerRuntime, RuntimeVersion } from '../runtime/runtime.js';
import { type Amounts, extendedResources, nodeAllocatable, nodeCapacity } from './allocatable.js';
import { architecture, type MachineFacts, systemInfo } from './machine.js';
import type { NodeCare } from './node-care.js';
import { type NodeTold, nodeEvents, toldOf, untold } from './node-events.js';
import { needsReport, networkNotReady, nodeLabels, nodeStatus } from './node-status.js';

const ANNOTATION_TTL = 'node.alpha.kubernetes.io/ttl';
/** Retries of the registration itself, which nothing else goes on without. */
const REGISTER_RETRY_MS = 500;

export interface NodeOptions {
  readonly name: string;
  readonly ips: readonly string[];
  readonly labels: { readonly [key: string]: string };
  readonly annotations: { readonly [key: string]: string };
  readonly settings: KubeletSettings;
  readonly port: number;
  readonly machine: MachineFacts;
  readonly client: Client;
  readonly runtime: ContainerRuntime;
  /** Of this node alone. */
  readonly informer: Informer<Node>;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stopping: AbortSignal;
  readonly care: Pick<NodeCare, 'pressures' | 'isShuttingDown' | 'listImages'>;
  /** The node's pod CIDR may be known now: look at the network's configuration. */
  readonly reloadNetwork: (podCidr: string | undefined) => Promise<void>;
}

export class NodeReporter {
  private node: Node | undefined;
  /** Ends the present pause. */
  private wakeUp: (() => void) | undefined;
  /** Something happened since the last look, perhaps while that was under way. */
  private poked = false;
  private wasReady: boolean | undefined;
  private told: NodeTold | undefined;
  private podCidr: string | undefined;

  constructor(private readonly options: NodeOptions) {}

  get current(): Node | undefined {
    return this.node;
  }

  /** What of it decides about pods, also before it is registered. */
  get known(): Node {
    const { name } = this.options;
    return this.node ?? ({ metadata: { name, labels: this.labels }, spec: this.initialSpec(), status: {} } as Node);
  }

  private get labels(): { readonly [key: string]: string } {
    return { ...nodeLabels(this.options.name, architecture()), ...this.options.labels };
  }

  /** What of this node's resources is for pods; of what the API was told that it has besides, all. */
  allocatable(): Amounts {
    const { machine, settings } = this.options;
    const others = Object.entries(extendedResources(this.node?.status.capacity));
    const extended = others.map(([resource, quantity]) => [resource, resourceAmount(resource, quantity)] as const);
    return new Map([...nodeAllocatable(nodeCapacity(machine, settings), settings), ...extended]);
  }

  /** Resolves once the Node exists; tries until the agent stops. */
  async register(): Promise<void> {
    const { clock, log, stopping } = this.options;
    for (let said = ''; !stopping.aborted; ) {
      try {
        this.node = await this.createOrAdopt();
        return;
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        if (said !== error.message) log.warn({ error: error.message }, 'cannot register the node, trying again');
        said = error.message;
      }
      await sleep(clock, REGISTER_RETRY_MS, stopping);
    }
  }

  private async createOrAdopt(): Promise<Node> {
    const { client, name, annotations, events } = this.options;
    const { labels } = this;
    try {
      const status = await this.wantedStatus(undefined);
      const node = await client.create<Node>(nodes, {
        metadata: { name, labels, annotations: { [ANNOTATION_TTL]: '0', ...annotations } },
        spec: this.initialSpec(),
        status,
      });
      events.event(node, 'Normal', 'Starting', 'Starting kubelet.');
      // Of this one nobody has heard anything.
      this.told = undefined;
      return node;
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error;
    }
    const node = await client.patch(nodes, { name }, 'application/merge-patch+json', { metadata: { labels, annotations } });
    events.event(node, 'Normal', 'Starting', 'Starting kubelet.');
    return node;
  }

  private initialSpec(): Node['spec'] {
    const taints = this.options.settings.registerWithTaints.map(({ key, value, effect }) => ({ key, effect, ...(value ? { value } : {}) }));
    return taints.length > 0 ? { taints } : {};
  }

  /** Looks and reports until the agent stops: at each interval, and at once when the Node changes. */
  async run(): Promise<void> {
    const { informer, log, stopping, name } = this.options;
    const unsubscribe = informer.onChange(({ new: node }) => this.changed(node));
    stopping.addEventListener('abort', unsubscribe, { once: true });
    while (!stopping.aborted) {
      try {
        await this.report();
        // The answer to a report can tell of the pod CIDR before the informer does.
        if (this.node?.spec.podCIDR !== this.podCidr) this.poke();
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        if (error.code === 404) {
          await this.register();
          continue;
        }
        log.warn({ node: name, error: error.message }, 'cannot report the node status, trying again');
      }
      await this.pause();
    }
  }

  /** Until the interval is over, the Node has changed, or the agent stops. */
  private async pause(): Promise<void> {
    const { clock, settings, stopping } = this.options;
    if (!this.poked) {
      await new Promise<void>((resolve) => {
        const timer = clock.after(settings.nodeStatusUpdateFrequency, resolve);
        const poke = () => {
          timer.cancel();
          resolve();
        };
        this.wakeUp = poke;
        stopping.addEventListener('abort', poke, { once: true });
      });
      if (this.wakeUp) stopping.removeEventListener('abort', this.wakeUp);
      this.wakeUp = undefined;
    }
    this.poked = false;
  }

  poke(): void {
    this.poked = true;
    this.wakeUp?.();
  }

  /** Someone deleted the Node, gave it a pod CIDR, or wrote another status: looked at now. */
  private changed(node: Node | undefined): void {
    if (!node) {
      this.poke();
      return;
    }
    if (this.node && Number(node.metadata.resourceVersion) <= Number(this.node.metadata.resourceVersion)) return;
    this.node = node;
    const ready = node.status.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
    if (node.spec.podCIDR !== this.podCidr || ready !== this.wasReady) this.poke();
  }

  private async report(): Promise<void> {
    const { client, name, clock, informer, settings } = this.options;
    if (informer.synced && this.node && !informer.get({ name })) this.node = await client.get(nodes, { name });
    this.podCidr = this.node?.spec.podCIDR;
    await this.options.reloadNetwork(this.podCidr);
    const old = this.node?.status;
    const status = await this.wantedStatus(old);
    this.tellChanges(old, status);
    this.tellReadiness(status);
    if (!needsReport(old, status, clock.now(), settings.nodeStatusReportFrequency)) return;
    // Addresses merge by type, so that an old one would stay.
    const addresses = [...(status.addresses ?? []), { $patch: 'replace' }];
    const patch = { status: { ...status, addresses } };
    this.node = await client.patch(nodes, { name }, 'application/strategic-merge-patch+json', patch, 'status');
  }

  private async wantedStatus(old: NodeStatus | undefined): Promise<NodeStatus> {
    const { name, ips, settings, machine, port, runtime, care, clock } = this.options;
    const problems: string[] = care.isShuttingDown ? ['node is shutting down'] : [];
    const version = await runtime.version().catch((error: Error): RuntimeVersion | undefined => {
      problems.push(`container runtime is down: ${error.message}`);
      return undefined;
    });
    const network = runtime.networkNotReady();
    if (network) problems.push(networkNotReady(network));
    // While the engine is down its version is what it was.
    const info = await systemInfo(version);
    const known = old?.nodeInfo?.containerRuntimeVersion;
    return nodeStatus({
      name,
      ips,
      settings,
      machine,
      port,
      pressures: care.pressures,
      // An engine that does not answer has been waited for once.
      images: version ? await care.listImages() : (old?.images ?? []),
      info: version || !known ? info : { ...info, containerRuntimeVersion: known },
      problems,
      old,
      now_ms: clock.now(),
    });
  }

  private tellChanges(old: NodeStatus | undefined, status: NodeStatus): void {
    const { events, name } = this.options;
    if (!this.node) return;
    const now = toldOf(this.node, status);
    for (const { type, reason, message } of nodeEvents(name, this.told ?? untold(old), now)) events.event(this.node, type, reason, message);
    this.told = now;
  }

  private tellReadiness(status: NodeStatus): void {
    const { events, log } = this.options;
    const ready = status.conditions?.find(({ type }) => type === 'Ready');
    const isReady = ready?.status === 'True';
    if (this.wasReady === isReady || !this.node) return;
    log.info({ ready: isReady, message: ready?.message }, isReady ? 'the node is ready' : 'the node is not ready');
    if (isReady || this.wasReady)
      events.event(
        this.node,
        'Normal',
        isReady ? 'NodeReady' : 'NodeNotReady',
        `Node ${this.options.name} status is now: ${isReady ? 'NodeReady' : 'NodeNotReady'}`,
      );
    this.wasReady = isReady;
  }
}
