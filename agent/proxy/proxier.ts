// The proxier: keeps the node's iptables what Services and EndpointSlices say, by writing only the chains that changed.
import type { Clock, Timer } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import { objectKey } from '../../src/apimachinery/object.js';
import type { Informer, Informers } from '../../src/client/informer.js';
import { nodes } from '../../src/kinds/core/node.js';
import { services as serviceKind } from '../../src/kinds/core/service.js';
import { endpointSlices } from '../../src/kinds/discovery/endpointslice.js';
import type { Service } from '../../src/kinds/types/core_v1.js';
import type { EndpointSlice } from '../../src/kinds/types/discovery_v1.js';
import type { Exec } from './exec.js';
import type { Iptables } from './iptables.js';
import { assemble, serviceKeyOf } from './render.js';
import { RuleWriter } from './rule-writer.js';
import type { RuleSet } from './rules.js';
import { type NodeContext, renderService, type ServiceRules } from './service-rules.js';
import { createSyncLoop } from './sync-loop.js';

export interface ProxierOptions {
  readonly informers: Informers;
  readonly nodeName: string;
  readonly clusterCidr: string;
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
  /** Resolves once the rules of a first full sync are in the kernel. */
  whenSynced(): Promise<void>;
  /** Stops following; the rules stay, so that traffic goes on while an agent restarts. */
  stop(): Promise<void>;
}

const BY_SERVICE = 'service';

/** Until the informers have synced nothing is touched: rules of an earlier run go on working. */
export function startProxier(options: ProxierOptions): Proxier {
  const { informers, iptables, exec, clock, log } = options;
  const services = informers.of(serviceKind);
  const slices = informers.of(endpointSlices);
  const nodeInformer = informers.of(nodes);
  slices.addIndex(BY_SERVICE, (slice) => [serviceKeyOf(slice) ?? '']);

  const writer = new RuleWriter(iptables, exec, log);
  const cache = new RenderCache(services, slices);
  let markSynced = () => {};
  const synced = new Promise<void>((resolve) => {
    markSynced = resolve;
  });
  const aborter = new AbortController();
  let ruleSet: RuleSet = { chains: [], jumps: [], problems: [] };
  let reported = new Set<string>();

  const loop = createSyncLoop({
    task: 'write the iptables rules',
    clock,
    log,
    minInterval_ms: options.minInterval_ms,
    async run() {
      const { nodeName, clusterCidr } = options;
      const node = { nodeName, clusterCidr, podCidr: nodeInformer.get({ name: nodeName })?.spec.podCIDR };
      const rendered = cache.render(node);
      ruleSet = assemble(rendered, node);
      reported = reportProblems(ruleSet, reported, log);
      await writer.write(
        ruleSet,
        rendered.flatMap((service) => service.udp),
      );
      markSynced();
    },
  });

  const unsubscribe: (() => void)[] = [];
  const follow = async () => {
    await Promise.all([services, slices, nodeInformer].map((informer) => informer.whenSynced(aborter.signal)));
    unsubscribe.push(
      services.onChange(loop.trigger),
      slices.onChange(loop.trigger),
      nodeInformer.onChange(({ old, new: now, key }) => {
        if (key === options.nodeName && old?.spec.podCIDR !== now?.spec.podCIDR) loop.trigger();
      }),
    );
    loop.trigger();
    check();
  };

  let timer: Timer | undefined;
  let checking: Promise<void> | undefined;
  const check = () => {
    timer = clock.after(options.checkInterval_ms, () => {
      checking = lookForFlush().finally(() => {
        if (!aborter.signal.aborted) check();
      });
    });
  };
  const lookForFlush = async () => {
    try {
      if (await writer.isIntact()) return;
      log.warn({}, 'iptables rules were removed by another program: writing all of them again');
      writer.forget();
      loop.trigger();
    } catch (error) {
      log.error({ err: error }, 'could not check the iptables rules');
    }
  };

  follow().catch((error) => {
    if (!aborter.signal.aborted) throw error;
  });
  return {
    get ruleSet() {
      return ruleSet;
    },
    whenSynced: () => synced,
    async stop() {
      aborter.abort();
      for (const off of unsubscribe) off();
      timer?.cancel();
      await checking;
      await loop.stop();
    },
  };
}

/** Logs each problem once for as long as it lasts. */
function reportProblems(ruleSet: RuleSet, reported: ReadonlySet<string>, log: Logger): Set<string> {
  const current = new Set<string>();
  for (const { about, message } of ruleSet.problems) {
    const line = `${about.kind} ${about.namespace}/${about.name}: ${message}`;
    current.add(line);
    if (!reported.has(line)) log.warn({ service: `${about.namespace}/${about.name}` }, line);
  }
  return current;
}

interface Entry {
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
  readonly rules: ServiceRules;
}

/** Renders a Service again only when it, its slices or the node changed: cached objects are never mutated, so identity tells. */
class RenderCache {
  private entries = new Map<string, Entry>();
  private nodeKey = '';

  constructor(
    private readonly services: Informer<Service>,
    private readonly slices: Informer<EndpointSlice>,
  ) {}

  render(node: NodeContext): readonly ServiceRules[] {
    const nodeKey = `${node.nodeName} ${node.clusterCidr} ${node.podCidr}`;
    const earlier = nodeKey === this.nodeKey ? this.entries : new Map<string, Entry>();
    const keyed = this.services.list().map((service) => [objectKey(service), service] as const);
    keyed.sort(([a], [b]) => (a < b ? -1 : 1));
    this.entries = new Map(keyed.map(([key, service]) => [key, this.entry(earlier.get(key), key, service, node)]));
    this.nodeKey = nodeKey;
    return [...this.entries.values()].map((entry) => entry.rules);
  }

  private entry(earlier: Entry | undefined, key: string, service: Service, node: NodeContext): Entry {
    const slices = this.slices.byIndex(BY_SERVICE, key);
    const same = earlier?.service === service && earlier.slices.length === slices.length && slices.every((s, i) => s === earlier.slices[i]);
    return same ? earlier : { service, slices, rules: renderService(service, slices, node) };
  }
}
