// What the DNS server counts, by the names that CoreDNS gives it, so that its dashboards and alerts fit.
import { type Exposition, Histogram, labelText } from '../../src/apimachinery/exposition.js';

const SECONDS = [0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192];
const SERVER = { server: 'dns://:53' };
/** Types that clients ask for; any other is counted as one, so that nobody can make up labels. */
const TYPES = new Set(['A', 'AAAA', 'CNAME', 'MX', 'NS', 'PTR', 'SOA', 'SRV', 'TXT', 'HTTPS']);

export type Transport = 'udp' | 'tcp';

class Counter {
  readonly #values = new Map<string, number>();

  add(labels: string): void {
    this.#values.set(labels, (this.#values.get(labels) ?? 0) + 1);
  }

  write(out: Exposition, name: string, help: string): void {
    out.metric(name, 'counter', help);
    for (const [labels, value] of this.#values) out.sample(name, labels, value);
  }
}

export class DnsMetrics {
  readonly #requests = new Counter();
  readonly #responses = new Counter();
  readonly #hits = new Counter();
  readonly #forwarded = new Counter();
  readonly #forwardFailures = new Counter();
  readonly #duration = new Histogram(SECONDS);
  readonly #forwardDuration = new Map<string, Histogram>();
  readonly #labels = new Map<string, string>();
  #misses = 0;

  constructor(private readonly monotonic_ms: () => number) {}

  request(proto: Transport, type: string): void {
    this.#requests.add(this.#labelsOf(proto, TYPES.has(type) ? type : 'other'));
  }

  response(rcode: string, since_ms: number): void {
    this.#responses.add(`rcode="${rcode}",${SERVER_LABEL}`);
    this.#duration.observe((this.monotonic_ms() - since_ms) / 1000);
  }

  cacheHit(type: 'success' | 'denial'): void {
    this.#hits.add(`${SERVER_LABEL},type="${type}"`);
  }

  cacheMiss(): void {
    this.#misses++;
  }

  async timeForward<T>(to: string, ask: () => Promise<T>): Promise<T> {
    const begun = this.monotonic_ms();
    const labels = labelText({ to });
    this.#forwarded.add(labels);
    try {
      return await ask();
    } catch (error) {
      this.#forwardFailures.add(labels);
      throw error;
    } finally {
      let duration = this.#forwardDuration.get(labels);
      if (!duration) this.#forwardDuration.set(labels, (duration = new Histogram(SECONDS)));
      duration.observe((this.monotonic_ms() - begun) / 1000);
    }
  }

  #labelsOf(proto: Transport, type: string): string {
    const key = `${proto} ${type}`;
    let labels = this.#labels.get(key);
    if (!labels) this.#labels.set(key, (labels = labelText({ family: '1', proto, ...SERVER, type, zone: '.' })));
    return labels;
  }

  write(out: Exposition, cacheSize: number): void {
    this.#requests.write(out, 'coredns_dns_requests_total', 'Questions by transport and type.');
    this.#responses.write(out, 'coredns_dns_responses_total', 'Answers by their codes.');
    out.metric('coredns_dns_request_duration_seconds', 'histogram', 'How long answers take.');
    this.#duration.write(out, 'coredns_dns_request_duration_seconds', SERVER_LABEL);
    out.single('coredns_cache_entries', 'gauge', 'Answers of other name servers that are kept.', cacheSize, SERVER);
    this.#hits.write(out, 'coredns_cache_hits_total', 'Questions to them that were answered from memory.');
    out.single('coredns_cache_misses_total', 'counter', 'Questions to them that were not.', this.#misses, SERVER);
    this.#forwarded.write(out, 'coredns_forward_requests_total', 'Questions passed on, by name server.');
    this.#forwardFailures.write(out, 'coredns_forward_failures_total', 'Of them those without an answer.');
    out.metric('coredns_forward_request_duration_seconds', 'histogram', 'How long name servers take.');
    for (const [labels, duration] of this.#forwardDuration) duration.write(out, 'coredns_forward_request_duration_seconds', labels);
  }
}

const SERVER_LABEL = labelText(SERVER);
