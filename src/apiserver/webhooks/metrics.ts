// Metrics of admission webhooks, under upstream's names. Labels are the webhooks' names, so series are as many as are configured.
import type { AdmissionOperation } from '../admission/admission.js';

/** Upstream's buckets, in seconds. */
const BUCKETS_s = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25] as const;
const PREFIX = 'apiserver_admission_webhook_';
/** Webhooks come and go; past so many series of one metric, new ones are not counted. */
const MAX_SERIES = 2000;

export type WebhookType = 'admit' | 'validating';

export interface Observation {
  readonly name: string;
  readonly type: WebhookType;
  readonly operation: AdmissionOperation;
  readonly duration_s: number;
  readonly code: number;
  readonly rejected: boolean;
}

interface Histogram {
  readonly counts: number[];
  sum_s: number;
  count: number;
}

export class WebhookMetrics {
  readonly #durations = new Map<string, Histogram>();
  readonly #requests = new Map<string, number>();
  readonly #rejections = new Map<string, number>();
  readonly #failOpen = new Map<string, number>();

  observe({ name, type, operation, duration_s, code, rejected }: Observation): void {
    const labels = `name="${name}",operation="${operation}",rejected="${rejected}",type="${type}"`;
    count(this.#requests, `code="${code}",${labels}`);
    let histogram = this.#durations.get(labels);
    if (!histogram) {
      if (this.#durations.size >= MAX_SERIES) return;
      this.#durations.set(labels, (histogram = { counts: BUCKETS_s.map(() => 0), sum_s: 0, count: 0 }));
    }
    for (const [i, bound] of BUCKETS_s.entries()) if (duration_s <= bound) histogram.counts[i]!++;
    histogram.sum_s += duration_s;
    histogram.count++;
  }

  rejection(
    { name, type, operation }: Pick<Observation, 'name' | 'type' | 'operation'>,
    errorType: 'calling_webhook_error' | 'no_error',
    code: number,
  ): void {
    count(this.#rejections, `error_type="${errorType}",name="${name}",operation="${operation}",rejection_code="${code}",type="${type}"`);
  }

  failOpen({ name, type }: Pick<Observation, 'name' | 'type'>): void {
    count(this.#failOpen, `name="${name}",type="${type}"`);
  }

  render(): string {
    const lines: string[] = [];
    const counters = (name: string, help: string, series: ReadonlyMap<string, number>) => {
      if (series.size === 0) return;
      lines.push(`# HELP ${PREFIX}${name} ${help}`, `# TYPE ${PREFIX}${name} counter`);
      for (const [labels, value] of series) lines.push(`${PREFIX}${name}{${labels}} ${value}`);
    };
    counters('request_total', 'Calls of admission webhooks.', this.#requests);
    counters('rejection_count', 'Requests refused by or for want of an admission webhook.', this.#rejections);
    counters('fail_open_count', 'Calls that failed and were ignored.', this.#failOpen);
    const name = `${PREFIX}admission_duration_seconds`;
    if (this.#durations.size > 0) lines.push(`# HELP ${name} How long admission webhooks took.`, `# TYPE ${name} histogram`);
    for (const [labels, { counts, sum_s, count: total }] of this.#durations) {
      for (const [i, bound] of BUCKETS_s.entries()) lines.push(`${name}_bucket{${labels},le="${bound}"} ${counts[i]}`);
      lines.push(`${name}_bucket{${labels},le="+Inf"} ${total}`, `${name}_sum{${labels}} ${sum_s}`, `${name}_count{${labels}} ${total}`);
    }
    return lines.length > 0 ? `${lines.join('\n')}\n` : '';
  }
}

function count(series: Map<string, number>, labels: string): void {
  const known = series.get(labels);
  if (known === undefined && series.size >= MAX_SERIES) return;
  series.set(labels, (known ?? 0) + 1);
}
