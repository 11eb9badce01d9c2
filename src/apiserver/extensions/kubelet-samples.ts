// What kubelets say their pods use (/metrics/resource): asked only for whoever asks us, and two answers of each node are kept for rates.
import type { ApiContext } from '../context.js';
import { getFromKubelet } from '../http/kubelet-client.js';
import { kubeletAddress } from '../kubelet-target.js';

const PATH = '/metrics/resource';
/** As metrics-server's: an answer that is younger is good enough. */
const RESOLUTION_MS = 15_000;
/** CPU time over a longer window tells nothing of now. */
const WINDOW_MAX_MS = 120_000;
/** Between two looks at a node that was not looked at before: whoever asks waits for it. */
const FIRST_WINDOW_MS = 1_000;
/** Of one answer: some 300 bytes a container. */
const ANSWER_MAX_BYTES = 4 << 20;
/** Kubelets asked at once. */
const PARALLEL = 20;

export interface Counted {
  /** CPU time in seconds. */
  readonly cpu_s: number;
  readonly memory_bytes: number;
  /** When the kubelet read it. */
  readonly at_ms: number;
}

/** By `namespace/pod/container`, and the node itself by the empty key. */
export type Sample = ReadonlyMap<string, Counted>;

export interface Used {
  /** Cores. */
  readonly cpu: number;
  readonly memory_bytes: number;
  readonly at_ms: number;
  readonly window_ms: number;
}

interface Kept {
  readonly before: Sample | undefined;
  readonly last: Sample;
  readonly at_ms: number;
}

export class KubeletSamples {
  readonly #kept = new Map<string, Kept>();
  readonly #asking = new Map<string, Promise<Kept | undefined>>();

  constructor(private readonly context: ApiContext) {}

  /** What each of these nodes says, by its name; nodes that do not answer are missing. Others are forgotten where `all` are asked. */
  async of(nodes: readonly string[], all: boolean): Promise<ReadonlyMap<string, ReadonlyMap<string, Used>>> {
    if (all) for (const node of this.#kept.keys()) if (!nodes.includes(node)) this.#kept.delete(node);
    const found = new Map<string, ReadonlyMap<string, Used>>();
    const waiting = [...nodes];
    const worker = async () => {
      for (let node = waiting.shift(); node !== undefined; node = waiting.shift()) {
        const kept = await this.#newest(node);
        if (kept?.before) found.set(node, usedBetween(kept.before, kept.last));
      }
    };
    await Promise.all(Array.from({ length: Math.min(PARALLEL, nodes.length) }, worker));
    return found;
  }

  /** Who asks while a node is being asked shares its answer. */
  #newest(node: string): Promise<Kept | undefined> {
    const kept = this.#kept.get(node);
    if (kept?.before && this.context.clock.monotonic() - kept.at_ms < RESOLUTION_MS) return Promise.resolve(kept);
    let asking = this.#asking.get(node);
    if (!asking) {
      asking = this.#ask(node).finally(() => this.#asking.delete(node));
      this.#asking.set(node, asking);
    }
    return asking;
  }

  async #ask(node: string): Promise<Kept | undefined> {
    const { clock, log } = this.context;
    try {
      const kept = this.#kept.get(node);
      const isRecent = kept !== undefined && clock.monotonic() - kept.at_ms < WINDOW_MAX_MS;
      const before = isRecent ? kept.last : await this.#scrape(node);
      if (!isRecent) await new Promise<void>((resolve) => clock.after(FIRST_WINDOW_MS, resolve));
      const last = await this.#scrape(node);
      const newest = { before, last, at_ms: clock.monotonic() };
      this.#kept.set(node, newest);
      return newest;
    } catch (error) {
      this.#kept.delete(node);
      log.info({ node, error: (error as Error).message }, 'a kubelet does not say what is used');
      return undefined;
    }
  }

  async #scrape(node: string): Promise<Sample> {
    const target = { node, path: PATH, ...(await kubeletAddress(this.context, node)) };
    const answer = await getFromKubelet(target, this.context.options.kubeletClient);
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) {
      text += chunk;
      if (text.length > ANSWER_MAX_BYTES) throw new Error(`the answer is longer than ${ANSWER_MAX_BYTES} bytes`);
    }
    return parseSample(text);
  }
}

const LINE = /^(container|node)_(cpu_usage_seconds_total|memory_working_set_bytes)(?:\{([^}]*)\})? (\S+)(?: (\d+))?$/gm;

export function parseSample(text: string): Sample {
  const found = new Map<string, { cpu_s?: number; memory_bytes?: number; at_ms: number }>();
  for (const [, , what, labels = '', value, at_ms = '0'] of text.matchAll(LINE)) {
    const label = (name: string) => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
    const key = labels === '' ? '' : ['namespace', 'pod', 'container'].map(label).join('/');
    const entry = found.get(key) ?? { at_ms: Number(at_ms) };
    if (what === 'cpu_usage_seconds_total') Object.assign(entry, { cpu_s: Number(value), at_ms: Number(at_ms) });
    else entry.memory_bytes = Number(value);
    found.set(key, entry);
  }
  const whole = [...found].filter(
    (entry): entry is [string, Counted] => entry[1].cpu_s !== undefined && entry[1].memory_bytes !== undefined,
  );
  return new Map(whole);
}

/** Of what is in both: a container that has started again counts anew, and is left out until it has been seen twice. */
export function usedBetween(before: Sample, last: Sample): ReadonlyMap<string, Used> {
  const used = new Map<string, Used>();
  for (const [key, { cpu_s, memory_bytes, at_ms }] of last) {
    const old = before.get(key);
    if (!old || old.cpu_s > cpu_s || at_ms <= old.at_ms) continue;
    const window_ms = at_ms - old.at_ms;
    used.set(key, { cpu: ((cpu_s - old.cpu_s) * 1000) / window_ms, memory_bytes, at_ms, window_ms });
  }
  return used;
}
