// Metrics: the few numbers that tell how the server is doing, in Prometheus' text format.
import type { Resources } from './resources.js';

/** Label values come from a fixed set (verbs, codes, kinds served), so the number of series is bounded. */
export class Metrics {
  readonly #requests = new Map<string, number>();
  #tunnels = 0;

  request(verb: string, resource: string, code: number): void {
    const key = `verb="${verb.toUpperCase()}",resource="${resource}",code="${code}"`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
  }

  tunnels(change: 1 | -1): void {
    this.#tunnels += change;
  }

  render(resources: Resources): string {
    const lines = ['# HELP apiserver_request_total Requests answered.', '# TYPE apiserver_request_total counter'];
    for (const [labels, count] of this.#requests) lines.push(`apiserver_request_total{${labels}} ${count}`);
    lines.push('# HELP apiserver_registered_watchers Watches open now.', '# TYPE apiserver_registered_watchers gauge');
    for (const { kind, cache } of resources.all()) {
      if (cache.watcherCount > 0)
        lines.push(`apiserver_registered_watchers{group="${kind.group}",kind="${kind.kind}"} ${cache.watcherCount}`);
    }
    lines.push(
      '# HELP porthole_tunnels Connections passed on to kubelets now.',
      '# TYPE porthole_tunnels gauge',
      `porthole_tunnels ${this.#tunnels}`,
    );
    const { rss, heapUsed } = process.memoryUsage();
    lines.push('# TYPE process_resident_memory_bytes gauge', `process_resident_memory_bytes ${rss}`);
    lines.push('# TYPE nodejs_heap_size_used_bytes gauge', `nodejs_heap_size_used_bytes ${heapUsed}`);
    return `${lines.join('\n')}\n`;
  }
}
