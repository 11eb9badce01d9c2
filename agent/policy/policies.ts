// The node's NetworkPolicies: kept in its rules as policies, pods and namespaces change, and before a new pod's first container starts.
import { type Clock, sleep } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { EventRecorder } from '../../src/client/events.js';
import type { Change, Informer, Informers } from '../../src/client/informer.js';
import { namespaces } from '../../src/kinds/core/namespace.js';
import { pods } from '../../src/kinds/core/pod.js';
import { networkPolicies } from '../../src/kinds/networking/networkpolicy.js';
import type { Namespace, Pod } from '../../src/kinds/types/core_v1.js';
import { CLUSTER_IP_DNS, POD_CIDR } from '../../src/kinds/wellknown.js';
import { createCheckLoop } from '../proxy/check-loop.js';
import { type Exec, systemExec } from '../proxy/exec.js';
import type { Iptables } from '../proxy/iptables.js';
import { ProblemReports } from '../proxy/problem-reports.js';
import { cleanupRules, RuleWriter } from '../proxy/rule-writer.js';
import type { RuleSet } from '../proxy/rules.js';
import { createSyncLoop } from '../proxy/sync-loop.js';
import type { PodNetworkConfig } from '../runtime/network.js';
import { isSamePart, policyPart } from './kept-pod.js';
import { PolicyMemo } from './memo.js';
import { POLICY, TABLE } from './names.js';
import { renderPolicies } from './render.js';
import { RuleCheck } from './rule-check.js';
import { byNamespace, policyPod, type World } from './world.js';

export interface PoliciesOptions {
  readonly informers: Informers;
  readonly nodeName: string;
  readonly iptables: Iptables;
  readonly clock: Clock;
  readonly log: Logger;
  /** Tells of what cannot be enforced on the policy itself. */
  readonly events?: EventRecorder;
  readonly exec?: Exec;
  /** All pods' addresses; POD_CIDR if absent. */
  readonly clusterCidr?: string;
  readonly dnsIp?: string;
  readonly minInterval_ms?: number;
  readonly checkInterval_ms?: number;
}

export interface Policies {
  /** What was last written: rules with the policies and pods they stand for. Empty while no policy concerns this node. */
  readonly ruleSet: RuleSet;
  /** Resolves once the rules are what the policies that there are ask for. */
  whenSynced(): Promise<void>;
  /** Resolves once rules made from all that is known now are written; rejects where they cannot be. */
  whenSettled(): Promise<void>;
  /**
   * A pod has got its address: resolves once the policies that exist hold for it, at once where there is none. Rejects where its rules
   * cannot be written. A pod that the API does not show within a few seconds (a static pod while the control plane is away) is not
   * waited for.
   */
  admit(pod: PodNetworkConfig, ip: string): Promise<void>;
  /** The sandbox's address is no more its own. */
  release(sandboxId: string): void;
  /** Stops following; the rules stay, so that they hold while an agent restarts. */
  stop(): Promise<void>;
}

/** A burst of pods costs a few writes. */
const MIN_INTERVAL_MS = 100;
/** One listing of the node's policy chains, since a rule less may let everybody through; nothing where there are none. */
const CHECK_INTERVAL_MS = 5_000;
/** The informer shows what the kubelet was told within milliseconds; a first policy's list of all pods takes a second. */
const ADMIT_WAIT_MS = 5_000;

export function startPolicies(options: PoliciesOptions): Policies {
  return new NodePolicies(options);
}

class NodePolicies implements Policies {
  ruleSet: RuleSet = { chains: [], jumps: [], problems: [] };
  readonly #policies;
  readonly #writer: RuleWriter;
  readonly #log: Logger;
  readonly #aborter = new AbortController();
  readonly #loop;
  #markSynced = () => {};
  readonly #synced = new Promise<void>((resolve) => {
    this.#markSynced = resolve;
  });
  /** From the first policy on: without one, nobody needs to know the cluster's pods. */
  #followed: { readonly pods: Informer<Pod>; readonly namespaces: Informer<Namespace> } | undefined;
  /** Addresses that the API may not know yet, by sandbox. */
  readonly #admitted = new Map<string, { readonly uid: string; readonly ip: string }>();
  /** Who waits for the cache to show a pod, by its uid, and who for a run that has not begun. */
  readonly #unseen = new Map<string, () => void>();
  #waiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  readonly #memo = new PolicyMemo();
  readonly #reports: ProblemReports;
  #troubled: ReadonlySet<string> = new Set();
  readonly #unsubscribe: (() => void)[] = [];
  #wrote = false;
  #writing = false;
  readonly #checks;
  readonly #check = new RuleCheck();

  constructor(private readonly options: PoliciesOptions) {
    const { informers, iptables, clock, exec = systemExec } = options;
    this.#log = options.log.child({ component: 'network-policy' });
    this.#reports = new ProblemReports(options.events, this.#log);
    this.#writer = new RuleWriter(iptables, exec, this.#log, POLICY);
    this.#policies = informers.of(networkPolicies);
    this.#loop = createSyncLoop({
      task: 'write the rules of network policies',
      clock,
      log: this.#log,
      minInterval_ms: options.minInterval_ms ?? MIN_INTERVAL_MS,
      run: () => this.#run(),
    });
    this.#checks = createCheckLoop({
      task: 'check the rules of network policies',
      clock,
      log: this.#log,
      interval_ms: options.checkInterval_ms ?? CHECK_INTERVAL_MS,
      check: () => this.#lookForFlush(),
    });
    this.#follow().catch((error) => {
      if (!this.#aborter.signal.aborted) throw error;
    });
  }

  whenSynced(): Promise<void> {
    return this.#synced;
  }

  async admit({ namespace, name, uid, sandboxId }: PodNetworkConfig, ip: string): Promise<void> {
    this.#admitted.set(sandboxId, { uid, ip });
    if (!this.#policies.synced) await this.#atMost(this.#policies.whenSynced(this.#aborter.signal));
    if (this.#policies.list(namespace).length === 0) return;
    await this.#atMost(this.#shown(namespace, name, uid));
    this.#unseen.delete(uid);
    await this.whenSettled();
  }

  release(sandboxId: string): void {
    this.#admitted.delete(sandboxId);
  }

  async stop(): Promise<void> {
    this.#aborter.abort();
    for (const off of this.#unsubscribe) off();
    await this.#checks.stop();
    await this.#loop.stop();
  }

  async #follow(): Promise<void> {
    await this.#policies.whenSynced(this.#aborter.signal);
    this.#unsubscribe.push(this.#policies.onChange(this.#loop.trigger));
    this.#loop.trigger();
  }

  /** Resolves when the caches that the rules are made from are there. */
  async #others() {
    if (this.#followed) return this.#followed;
    const { informers } = this.options;
    const followed = { pods: informers.of(pods, { keep: policyPart }), namespaces: informers.of(namespaces) };
    await Promise.all([followed.pods, followed.namespaces].map((informer) => informer.whenSynced(this.#aborter.signal)));
    if (this.#followed) return this.#followed;
    this.#followed = followed;
    this.#unsubscribe.push(followed.pods.onChange(this.#podChanged), followed.namespaces.onChange(this.#namespaceChanged));
    return followed;
  }

  readonly #podChanged = ({ old, new: now }: Change<Pod>) => {
    if (now) this.#unseen.get(now.metadata.uid)?.();
    if (!old || !now || !isSamePart(old, now)) this.#loop.trigger();
  };

  readonly #namespaceChanged = ({ old, new: now }: Change<Namespace>) => {
    if (JSON.stringify(old?.metadata.labels) !== JSON.stringify(now?.metadata.labels)) this.#loop.trigger();
  };

  async #run(): Promise<void> {
    const waiting = this.#waiting.splice(0);
    this.#writing = true;
    try {
      await this.#write();
    } catch (error) {
      for (const { reject } of waiting) reject(error);
      throw error;
    } finally {
      this.#writing = false;
    }
    for (const { resolve } of waiting) resolve();
    this.#markSynced();
  }

  async #write(): Promise<void> {
    const policies = this.#policies.list();
    const ruleSet = policies.length === 0 ? NOTHING : renderPolicies(policies, await this.#world(), this.#memo);
    this.#report(ruleSet);
    if (ruleSet.chains.length === 0) {
      // An earlier run of the agent may have left rules.
      if (this.ruleSet.chains.length > 0 || !this.#wrote) await cleanupRules(this.options.iptables, POLICY);
      this.#writer.forget();
    } else {
      // Jumps are written with all the rest, when what is there is not known.
      if (this.ruleSet.chains.length === 0) this.#writer.forget();
      await this.#writer.write(ruleSet, []);
    }
    this.#wrote = true;
    this.ruleSet = ruleSet;
    if (ruleSet.chains.length > 0) this.#checks.start();
    else void this.#checks.stop();
  }

  async #world(): Promise<World> {
    const { pods, namespaces } = await this.#others();
    const { nodeName, clusterCidr = POD_CIDR, dnsIp = CLUSTER_IP_DNS } = this.options;
    const ips = new Map([...this.#admitted.values()].map(({ uid, ip }) => [uid, ip]));
    return {
      nodeName,
      clusterCidr,
      dnsIp,
      pods: byNamespace(pods.list().flatMap((pod) => policyPod(pod, ips.get(pod.metadata.uid)) ?? [])),
      namespaces: new Map(namespaces.list().map(({ metadata }) => [metadata.name, metadata.labels ?? {}])),
    };
  }

  async #shown(namespace: string, name: string, uid: string): Promise<void> {
    const { pods } = await this.#others();
    if (pods.get({ namespace, name })?.metadata.uid === uid) return;
    await new Promise<void>((resolve) => this.#unseen.set(uid, resolve));
  }

  whenSettled(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#loop.trigger();
    });
  }

  async #atMost(waiting: Promise<void>): Promise<void> {
    await Promise.race([waiting, sleep(this.options.clock, ADMIT_WAIT_MS, this.#aborter.signal)]);
  }

  async #lookForFlush(): Promise<void> {
    const { ruleSet } = this;
    const saved = await this.options.iptables.save(TABLE);
    // While a change is being written, differences are to be expected.
    if (this.#writing || ruleSet !== this.ruleSet) return;
    const first = this.#check.first(ruleSet, saved);
    if (!first) return;
    this.#log.warn({ first }, 'rules of network policies were changed by another program: writing all of them again');
    this.#writer.forget();
    this.#loop.trigger();
  }

  /** Each problem once for as long as it lasts. */
  #report(ruleSet: RuleSet): void {
    const messages = new Map([...this.#troubled].map((key) => [key, [] as string[]]));
    for (const { about, message } of ruleSet.problems) {
      const key = `${about.namespace}/${about.name}`;
      messages.set(key, [...(messages.get(key) ?? []), message]);
    }
    for (const [key, list] of messages) {
      const [namespace, name = ''] = key.split('/');
      this.#reports.set(`NetworkPolicy ${key}`, list, this.#policies.get({ namespace, name }), 'NotEnforced');
    }
    this.#troubled = new Set([...messages].flatMap(([key, list]) => (list.length > 0 ? [key] : [])));
  }
}

const NOTHING: RuleSet = { chains: [], jumps: [], problems: [] };
