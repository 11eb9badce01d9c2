// The proxier: keeps the node's iptables what Services and EndpointSlices say, by writing only the chains that changed.
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { ObjectName } from '../../src/apimachinery/object.js';
import type { EventRecorder } from '../../src/client/events.js';
import type { Informer, Informers } from '../../src/client/informer.js';
import { nodes } from '../../src/kinds/core/node.js';
import { services as serviceKind } from '../../src/kinds/core/service.js';
import { endpointSlices } from '../../src/kinds/discovery/endpointslice.js';
import type { Node, Service } from '../../src/kinds/types/core_v1.js';
import type { EndpointSlice } from '../../src/kinds/types/discovery_v1.js';
import { LABEL_ZONE } from '../../src/kinds/wellknown.js';
import { AddressClaims } from './address-claims.js';
import { type CheckLoop, createCheckLoop } from './check-loop.js';
import { type Exec, ExecError } from './exec.js';
import { HealthChecks } from './health-check.js';
import type { Iptables } from './iptables.js';
import { missingMatches } from './kernel-matches.js';
import type { ProxyMetrics } from './metrics.js';
import type { Match, NodeContext } from './port-rules.js';
import { ProblemReports } from './problem-reports.js';
import { serviceKeyOf } from './render.js';
import { RuleBook } from './rule-book.js';
import { RuleWriter } from './rule-writer.js';
import type { RuleSet } from './rules.js';
import { aboutService } from './service-info.js';
import { NO_RULES, renderService, type ServiceRules } from './service-rules.js';
import { createSyncLoop, type SyncLoop } from './sync-loop.js';

export interface ProxierOptions {
  readonly informers: Informers;
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly clusterCidr: string;
  readonly policy: Pick<NodeContext, 'nodePortAddresses' | 'localhostNodePorts' | 'masqueradeAll' | 'masqueradeBit'>;
  readonly metrics: ProxyMetrics;
  /** Absent: problems are logged only. */
  readonly events?: EventRecorder;
  readonly iptables: Iptables;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Logger;
  /** At most one write in this time; changes meanwhile go into the next. */
  readonly minInterval_ms: number;
  /** How often to look whether somebody else removed our rules. */
  readonly checkInterval_ms: number;
}

export interface Proxier {
  /** What was last rendered: rules with the objects they stand for. Empty before the first sync. */
  readonly ruleSet: RuleSet;
  /** Rules of others, with their table, that a packet meets before ours and that may keep it from there. */
  readonly foreignRules: readonly string[];
  /** Resolves once the rules of a first full sync are in the kernel. */
  whenSynced(): Promise<void>;
  /** Stops following; the rules stay, so that traffic goes on while an agent restarts. */
  stop(): Promise<void>;
}

const BY_SERVICE = 'service';
/** By whoever keeps the slices. */
const ANNOTATION_TRIGGERED = 'endpoints.kubernetes.io/last-change-trigger-time';
/** What else can only be looked at now and then: a port that another program held, a match that came with a kernel module. */
const CHECKS_TO_RETRY = 10;

/** Until the informers have synced nothing is touched: rules of an earlier run go on working. */
export function startProxier(options: ProxierOptions): Proxier {
  return new IptablesProxier(options);
}

class IptablesProxier implements Proxier {
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #nodes: Informer<Node>;
  readonly #writer: RuleWriter;
  readonly #reports: ProblemReports;
  readonly #healthChecks: HealthChecks;
  readonly #loop: SyncLoop;
  readonly #aborter = new AbortController();
  readonly #unsubscribe: (() => void)[] = [];
  readonly #synced: Promise<void>;
  #markSynced = () => {};
  /** Services to be rendered anew. */
  readonly #dirty = new Set<string>();
  /** When the endpoints changed whose rules are not written yet, as their slices say. */
  #triggered_ms: number[] = [];
  readonly #claims = new AddressClaims();
  #book: RuleBook;
  #missing: ReadonlySet<Match> = new Set();
  readonly #checks: readonly CheckLoop[];
  #checked = 0;
  #checked_ms = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: ProxierOptions) {
    const { informers, iptables, exec, clock, log, events } = options;
    this.#services = informers.of(serviceKind);
    this.#slices = informers.of(endpointSlices);
    this.#nodes = informers.of(nodes);
    this.#slices.addIndex(BY_SERVICE, (slice) => [serviceKeyOf(slice) ?? '']);
    this.#writer = new RuleWriter(iptables, exec, log);
    this.#reports = new ProblemReports(events, log);
    this.#healthChecks = new HealthChecks({
      nodePortAddresses: options.policy.nodePortAddresses,
      isHealthy: () => options.metrics.isHealthy,
      onProblem: (key, message) => {
        const service = this.#services.get(nameOf(key));
        this.#reports.set(`health check of ${key}`, message ? [message] : [], service, 'FailedToStartServiceHealthcheck');
      },
    });
    this.#book = new RuleBook(this.#context());
    this.#synced = new Promise((resolve) => {
      this.#markSynced = resolve;
    });
    const { minInterval_ms } = options;
    this.#loop = createSyncLoop({ task: 'write the iptables rules', clock, log, minInterval_ms, run: () => this.#sync() });
    const interval_ms = options.checkInterval_ms;
    const task = 'check the iptables rules';
    this.#checks = [
      createCheckLoop({ task, clock, log, interval_ms, check: () => this.#check() }),
      createCheckLoop({ task, clock, log, interval_ms, check: () => this.#checkForFlush() }),
    ];
    this.#follow().catch((error) => {
      if (!this.#aborter.signal.aborted) throw error;
    });
  }

  get ruleSet(): RuleSet {
    return this.#book.ruleSet;
  }

  get foreignRules(): readonly string[] {
    return this.#writer.foreignRules;
  }

  whenSynced(): Promise<void> {
    return this.#synced;
  }

  async stop(): Promise<void> {
    this.#aborter.abort();
    for (const off of this.#unsubscribe) off();
    this.#healthChecks.close();
    await Promise.all(this.#checks.map((check) => check.stop()));
    await this.#loop.stop();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#aborter;
    await Promise.all([this.#services, this.#slices, this.#nodes].map((informer) => informer.whenSynced(signal)));
    this.#unsubscribe.push(
      this.#services.onChange(({ key }) => this.#changed('service', key)),
      this.#slices.onChange(({ old, new: now }) => {
        const keys = new Set([old, now].flatMap((slice) => (slice && serviceKeyOf(slice)) ?? []));
        for (const key of keys) this.#changed('endpoint', key);
        const triggered = now?.metadata.annotations?.[ANNOTATION_TRIGGERED];
        if (triggered && old?.metadata.annotations?.[ANNOTATION_TRIGGERED] !== triggered) this.#triggered_ms.push(Date.parse(triggered));
      }),
      this.#nodes.onChange(({ key }) => {
        if (key === this.options.nodeName && !isDeepStrictEqual(this.#book.node, this.#context())) this.#loop.trigger();
      }),
    );
    this.#loop.trigger();
    for (const check of this.#checks) check.start();
  }

  #changed(what: 'service' | 'endpoint', serviceKey: string): void {
    this.options.metrics.changed(what);
    this.#dirty.add(serviceKey);
    this.#loop.trigger();
  }

  #context(): NodeContext {
    const { nodeName, nodeIp, clusterCidr, policy } = this.options;
    const node = this.#nodes.get({ name: nodeName });
    const zone = node?.metadata.labels?.[LABEL_ZONE];
    return { nodeName, nodeIp, clusterCidr, zone, podCidr: node?.spec.podCIDR, ...policy, missing: this.#missing };
  }

  /** Renders what changed and writes it. */
  async #sync(): Promise<void> {
    this.#turnOverBook();
    const keys = new Set(this.#dirty);
    this.#dirty.clear();
    for (const key of [...keys]) for (const other of this.#claims.set(key, this.#services.get(nameOf(key)))) keys.add(other);
    for (const key of keys) this.#render(key);
    const { metrics, clock } = this.options;
    const kind = this.#writer.knowsKernel ? 'partial' : 'full';
    const triggered_ms = this.#triggered_ms;
    this.#triggered_ms = [];
    metrics.begun();
    const begun_ms = clock.monotonic();
    try {
      if (kind === 'partial') await this.#writer.writeChange(this.#book.change());
      else await this.#writer.write(this.#book.ruleSet, this.#book.udp);
      this.#book.committed();
      metrics.synced(kind, clock.monotonic() - begun_ms, triggered_ms);
    } catch (error) {
      metrics.failed(kind);
      if (error instanceof ExecError) await this.#askForMissing();
      throw error;
    }
    this.#markSynced();
  }

  /** Where what is true of the node has changed, everything is rendered anew. */
  #turnOverBook(): void {
    const node = this.#context();
    if (isDeepStrictEqual(node, this.#book.node)) return;
    for (const key of this.#book.keys()) this.#dirty.add(key);
    this.#book = new RuleBook(node);
    this.#writer.forget();
    const statistic = node.missing.has('statistic')
      ? ["this node's kernel has no match for a random choice (xt_statistic): the first endpoint of each Service gets all of it"]
      : [];
    this.#reports.set(`Node ${node.nodeName}`, statistic, this.#nodes.get({ name: node.nodeName }), 'NetworkRulesIncomplete');
  }

  #render(key: string): void {
    const service = this.#services.get(nameOf(key));
    const rules = service && renderSafely(service, this.#slices.byIndex(BY_SERVICE, key), this.#book.node, this.#claims.taken(key));
    this.#book.set(key, rules);
    const messages = rules?.problems.map(({ message }) => message) ?? [];
    this.#healthChecks.set(key, rules?.healthCheck);
    this.#reports.set(`Service ${key}`, messages, service, 'NotFullyServed');
  }

  async #askForMissing(): Promise<void> {
    this.#missing = (await missingMatches(this.options.iptables)) ?? this.#missing;
  }

  async #check(): Promise<void> {
    const isTimeToRetry = ++this.#checked % CHECKS_TO_RETRY === 0;
    if (isTimeToRetry) this.#healthChecks.retry();
    if (isTimeToRetry && this.#missing.size > 0) await this.#askForMissing();
    const intact = await this.#writer.isIntact();
    this.#checked_ms = this.options.clock.monotonic();
    this.#reportForeign();
    if (!intact) this.#writeAgain();
  }

  /** While the whole check is put off because there is much to look at: with nft, one chain costs the same however many there are. */
  async #checkForFlush(): Promise<void> {
    const { clock, iptables, checkInterval_ms } = this.options;
    if (iptables.backend !== 'nft' || clock.monotonic() - this.#checked_ms < 2 * checkInterval_ms) return;
    if (!(await this.#writer.hasCanaries())) this.#writeAgain();
  }

  #writeAgain(): void {
    this.options.log.warn({}, 'iptables rules were removed by another program: writing all of them again');
    this.#writer.forget();
    this.#loop.trigger();
  }

  #reportForeign(): void {
    const { nodeName } = this.options;
    const messages = this.#writer.foreignRules.map(
      (line) => `a foreign rule comes before those of kube-proxy and may keep traffic from Services: ${line}`,
    );
    this.#reports.set(`iptables of ${nodeName}`, messages, this.#nodes.get({ name: nodeName }), 'ForeignNetworkRules');
  }
}

const nameOf = (key: string): ObjectName => {
  const [namespace = '', name = ''] = key.split('/', 2);
  return { namespace, name };
};

/** A Service that cannot be rendered, whatever is in it, must not keep the others from their rules. */
function renderSafely(...given: Parameters<typeof renderService>): ServiceRules {
  const [service] = given;
  try {
    return renderService(...given);
  } catch (error) {
    const message = `it has no rules on this node: ${(error as Error).message}`;
    return { ...NO_RULES, problems: [{ about: aboutService(service, 'not served'), message }] };
  }
}
