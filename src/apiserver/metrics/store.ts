// How long the store takes, by operation and kind: the store itself with a look at the clock before and after.
import type { Clock } from '../../apimachinery/clock.js';
import { type Exposition, Histogram, labelText } from '../../apimachinery/exposition.js';
import type { Backend, RangeRequest, TxnRequest } from '../../etcd/backend.js';

/** Upstream's. */
const SECONDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

export type TimedBackend = Pick<Backend, 'range' | 'txn'>;

interface Series {
  readonly labels: string;
  readonly duration: Histogram;
  errors: number;
}

export class StoreMetrics {
  readonly #series = new Map<string, Series>();

  constructor(private readonly clock: Clock) {}

  /** For the storage of one kind, which is `type`. */
  timed(backend: TimedBackend, type: string): TimedBackend {
    return {
      range: (request) => this.#time(rangeOperation(request), type, this.clock.monotonic(), backend.range(request)),
      txn: (request) => this.#time(txnOperation(request), type, this.clock.monotonic(), backend.txn(request)),
    };
  }

  write(out: Exposition): void {
    const all = [...this.#series.values()];
    out.metric('etcd_request_duration_seconds', 'histogram', 'How long the store takes.');
    for (const { labels, duration } of all) duration.write(out, 'etcd_request_duration_seconds', labels);
    out.metric('etcd_request_errors_total', 'counter', 'What the store was asked for and failed to do.');
    for (const { labels, errors } of all) if (errors > 0) out.sample('etcd_request_errors_total', labels, errors);
  }

  /** Looks on: whoever waits for the store waits for nothing else. */
  #time<T>(operation: string, type: string, begun_ms: number, running: Promise<T>): Promise<T> {
    const series = this.#of(operation, type);
    const observe = () => series.duration.observe((this.clock.monotonic() - begun_ms) / 1000);
    running.then(observe, () => {
      series.errors++;
      observe();
    });
    return running;
  }

  #of(operation: string, type: string): Series {
    const key = `${operation} ${type}`;
    let series = this.#series.get(key);
    if (!series) this.#series.set(key, (series = { labels: labelText({ operation, type }), duration: new Histogram(SECONDS), errors: 0 }));
    return series;
  }
}

const rangeOperation = ({ rangeEnd, countOnly }: RangeRequest) => (countOnly ? 'count' : rangeEnd ? 'list' : 'get');

/** By the comparison that guards it: what must not be there is created. */
function txnOperation({ compare, success }: TxnRequest): string {
  if (success[0]?.type === 'delete') return 'delete';
  return compare[0]?.target === 'version' ? 'create' : 'update';
}
