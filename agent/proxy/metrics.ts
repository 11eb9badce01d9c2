// What kube-proxy counts of its own work, under upstream's names, and whether it keeps up with what is asked of it.
import type { Clock } from '../../src/apimachinery/clock.js';
import { Exposition, Histogram, labelText } from '../../src/apimachinery/exposition.js';

const SECONDS = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4, 8, 16];
const PROGRAMMING_SECONDS = [0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
/** Upstream's: four times the sync period. A change that waits longer for its rules makes the proxy unhealthy. */
const HEALTHY_WAIT_MS = 120_000;

export class ProxyMetrics {
  readonly #full = new Histogram(SECONDS);
  readonly #partial = new Histogram(SECONDS);
  readonly #all = new Histogram(SECONDS);
  readonly #programming = new Histogram(PROGRAMMING_SECONDS);
  readonly #changes = { endpoint: 0, service: 0 };
  readonly #pending = { endpoint: 0, service: 0 };
  readonly #codes = { healthz: new Map<number, number>(), livez: new Map<number, number>() };
  #failures = 0;
  #partialFailures = 0;
  #queuedAt_ms: number | undefined;
  /** Since when a change waits; undefined: none does. */
  #waitingSince_ms: number | undefined;
  #syncedAt_ms: number | undefined;

  constructor(private readonly clock: Clock) {}

  changed(what: 'endpoint' | 'service'): void {
    this.#changes[what]++;
    this.#pending[what]++;
    this.#queuedAt_ms = this.clock.now();
    this.#waitingSince_ms ??= this.clock.monotonic();
  }

  /** What changed up to here is being written. */
  begun(): void {
    this.#pending.endpoint = 0;
    this.#pending.service = 0;
  }

  /** Rules were written, all or some; `triggered_ms`: when the endpoints in them changed. */
  synced(kind: 'full' | 'partial', duration_ms: number, triggered_ms: readonly number[]): void {
    for (const histogram of [this.#all, kind === 'full' ? this.#full : this.#partial]) histogram.observe(duration_ms / 1000);
    this.#syncedAt_ms = this.clock.now();
    for (const at_ms of triggered_ms) this.#programming.observe(Math.max(0, this.#syncedAt_ms - at_ms) / 1000);
    if (this.#pending.endpoint + this.#pending.service === 0) this.#waitingSince_ms = undefined;
  }

  failed(kind: 'full' | 'partial'): void {
    this.#failures++;
    if (kind === 'partial') this.#partialFailures++;
  }

  answered(path: 'healthz' | 'livez', code: number): void {
    this.#codes[path].set(code, (this.#codes[path].get(code) ?? 0) + 1);
  }

  get lastSync_ms(): number | undefined {
    return this.#syncedAt_ms;
  }

  /** Before its first write it is not: nothing that it does can be relied on yet. */
  get isHealthy(): boolean {
    if (this.#syncedAt_ms === undefined) return false;
    return this.#waitingSince_ms === undefined || this.clock.monotonic() - this.#waitingSince_ms < HEALTHY_WAIT_MS;
  }

  /** `rules`: how many there are in each table. */
  text(rules: { readonly [table: string]: number }): string {
    const out = new Exposition();
    this.#durations(out);
    for (const what of ['endpoint', 'service'] as const) {
      const name = `kubeproxy_sync_proxy_rules_${what}_changes`;
      out.single(`${name}_total`, 'counter', `Changes of ${what}s.`, this.#changes[what]);
      out.single(`${name}_pending`, 'gauge', 'Of them those that wait for their rules.', this.#pending[what]);
    }
    out.single('kubeproxy_sync_proxy_rules_iptables_restore_failures_total', 'counter', 'Writes of rules that failed.', this.#failures);
    out.single('kubeproxy_sync_proxy_rules_iptables_partial_restore_failures_total', 'counter', 'Of some.', this.#partialFailures);
    out.metric('kubeproxy_sync_proxy_rules_iptables_total', 'gauge', 'Rules in each table.');
    for (const [table, count] of Object.entries(rules)) {
      out.sample('kubeproxy_sync_proxy_rules_iptables_total', labelText({ table }), count);
    }
    const times = { timestamp: this.#syncedAt_ms, queued_timestamp: this.#queuedAt_ms };
    for (const [name, at_ms] of Object.entries(times)) {
      out.single(`kubeproxy_sync_proxy_rules_last_${name}_seconds`, 'gauge', 'Since 1970.', (at_ms ?? 0) / 1000);
    }
    for (const [path, codes] of Object.entries(this.#codes)) {
      out.metric(`kubeproxy_proxy_${path}_total`, 'counter', `Answers at /${path}.`);
      for (const [code, count] of codes) out.sample(`kubeproxy_proxy_${path}_total`, labelText({ code: String(code) }), count);
    }
    return out.toString();
  }

  #durations(out: Exposition): void {
    const write = (name: string, help: string, histogram: Histogram) => {
      out.metric(name, 'histogram', help);
      histogram.write(out, name, '');
    };
    write('kubeproxy_sync_proxy_rules_duration_seconds', 'Time of one write of rules.', this.#all);
    write('kubeproxy_sync_full_proxy_rules_duration_seconds', 'Of all rules.', this.#full);
    write('kubeproxy_sync_partial_proxy_rules_duration_seconds', 'Of those that changed.', this.#partial);
    write('kubeproxy_network_programming_duration_seconds', 'From a change of endpoints to its rules.', this.#programming);
  }
}
