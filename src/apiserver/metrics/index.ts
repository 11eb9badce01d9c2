// Metrics: how the server is doing, under upstream's names, in Prometheus' text format. Labels come from fixed sets (verbs, codes, kinds
// served), so that the number of series is bounded, and a request costs one look into a map.
import type { Clock } from '../../apimachinery/clock.js';
import { Exposition, Histogram, type Labels, labelText } from '../../apimachinery/exposition.js';
import { writeProcess } from '../../apimachinery/process-metrics.js';
import { DECISIONS } from '../../client/pod-decisions.js';
import type { AnyKind } from '../../kinds/define.js';
import type { Exchange } from '../exchange.js';
import type { RequestInfo, ResourceRequestInfo } from '../request.js';
import { type Resources, verbsOf } from '../resources.js';
import { VERSION_INFO } from '../version.js';
import { StoreMetrics } from './store.js';

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Upstream's. */
const SECONDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
const BYTES = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/** Custom kinds come and go, but their series stay; past so many further ones are one. */
const MAX_SERIES = 10_000;
const ROOTS: ReadonlySet<string> = new Set(['', 'api', 'apis', 'healthz', 'livez', 'metrics', 'openapi', 'readyz', 'version']);
const METHODS: ReadonlySet<string> = new Set(['get', 'head', 'post', 'put', 'patch', 'delete']);
/** Verbs of the API under the names that upstream's metrics have for them. */
const VERBS: { readonly [verb: string]: string } = { create: 'POST', update: 'PUT' };

interface RequestSeries {
  readonly labels: string;
  /** Without the dry run, which the sizes are not told apart by. */
  readonly sizeLabels: string;
  readonly codes: Map<number, number>;
  readonly duration: Histogram;
  readonly sizes: Histogram;
  longRunning: number;
}

/** Of one kind; whoever sends events counts them here. */
export interface WatchEventCounter {
  readonly labels: string;
  events: number;
  bytes: number;
}

export class Metrics {
  readonly store: StoreMetrics;
  readonly #requests = new Map<string, RequestSeries>();
  readonly #watchEvents = new Map<string, WatchEventCounter>();
  readonly #inFlight = { mutating: 0, readOnly: 0 };
  #tunnels = 0;

  constructor(private readonly clock: Clock) {
    this.store = new StoreMetrics(clock);
  }

  /** A request has come, or is done with. */
  inFlight(method: string, change: 1 | -1): void {
    this.#inFlight[method === 'GET' || method === 'HEAD' ? 'readOnly' : 'mutating'] += change;
  }

  /** An answer with an end. `served` is the kind that it is about, if there is one. */
  answered(exchange: Exchange, served: AnyKind | undefined, code: number, duration_ms: number, size_bytes: number): void {
    const series = this.#seriesOf(exchange, served);
    count(series, code);
    series.duration.observe(duration_ms / 1000);
    series.sizes.observe(size_bytes);
  }

  /** A watch or a stream has begun. Returns what to call at its end. */
  longRunning(exchange: Exchange, served: AnyKind | undefined, code: number): () => void {
    const series = this.#seriesOf(exchange, served);
    count(series, code);
    series.longRunning++;
    return () => void series.longRunning--;
  }

  watchEvents({ group, version, kind }: AnyKind): WatchEventCounter {
    const labels = labelText({ group, kind, version });
    let counter = this.#watchEvents.get(labels);
    if (!counter) this.#watchEvents.set(labels, (counter = { labels, events: 0, bytes: 0 }));
    return counter;
  }

  tunnels(change: 1 | -1): void {
    this.#tunnels += change;
  }

  async render(resources: Resources): Promise<string> {
    const out = new Exposition();
    this.#writeRequests(out);
    this.#writeWatches(out, resources);
    await writeObjects(out, resources);
    this.store.write(out);
    out.single('porthole_tunnels', 'gauge', 'Connections that are passed on to kubelets now.', this.#tunnels);
    const { major, minor, gitVersion: git_version, platform } = VERSION_INFO;
    out.single('kubernetes_build_info', 'gauge', 'What is running.', 1, { git_version, major, minor, platform });
    writeProcess(out, this.clock.now());
    return out.toString();
  }

  #seriesOf(exchange: Exchange, served: AnyKind | undefined): RequestSeries {
    const info = exchange.maybeInfo;
    const dryRun = exchange.query.has('dryRun') ? 'All' : '';
    const key = served && info?.isResource ? resourceKey(info, served, exchange) : pathKey(exchange, info);
    const whole = `${key}|${dryRun}`;
    const known = this.#requests.get(whole);
    if (known) return known;
    if (this.#requests.size >= MAX_SERIES) return this.#requests.values().next().value!;
    const labels = served && info?.isResource ? resourceLabels(info, served, exchange) : pathLabels(exchange, info);
    const series: RequestSeries = {
      labels: labelText({ ...labels, dry_run: dryRun }),
      sizeLabels: labelText(labels),
      codes: new Map(),
      duration: new Histogram(SECONDS),
      sizes: new Histogram(BYTES),
      longRunning: 0,
    };
    this.#requests.set(whole, series);
    return series;
  }

  #writeRequests(out: Exposition): void {
    const all = [...this.#requests.values()];
    out.metric('apiserver_request_total', 'counter', 'Requests by what they asked for and how they were answered.');
    for (const { labels, codes } of all)
      for (const [code, count] of codes) out.sample('apiserver_request_total', `code="${code}",${labels}`, count);
    out.metric('apiserver_request_duration_seconds', 'histogram', 'How long requests with an end take.');
    for (const { labels, duration } of all) duration.write(out, 'apiserver_request_duration_seconds', labels);
    out.metric('apiserver_response_sizes', 'histogram', 'How large answers are, before compression.');
    for (const { sizeLabels, labels, sizes } of all)
      if (!labels.includes('dry_run="All"')) sizes.write(out, 'apiserver_response_sizes', sizeLabels);
    out.metric('apiserver_longrunning_requests', 'gauge', 'Watches and streams that are open.');
    for (const { sizeLabels, longRunning } of all)
      if (longRunning > 0) out.sample('apiserver_longrunning_requests', sizeLabels, longRunning);
    out.metric('apiserver_current_inflight_requests', 'gauge', 'Requests that are worked on now.');
    for (const [class_, count] of Object.entries(this.#inFlight)) {
      out.sample('apiserver_current_inflight_requests', labelText({ request_kind: class_ }), count);
    }
  }

  #writeWatches(out: Exposition, resources: Resources): void {
    out.metric('apiserver_registered_watchers', 'gauge', 'Watches that are open, those from within the process among them.');
    for (const { kind, cache } of resources.all()) {
      const { group, version } = kind;
      if (cache.watcherCount > 0)
        out.sample('apiserver_registered_watchers', labelText({ group, kind: kind.kind, version }), cache.watcherCount);
    }
    out.metric('apiserver_watch_events_total', 'counter', 'Events that were sent to watchers.');
    for (const { labels, events } of this.#watchEvents.values()) out.sample('apiserver_watch_events_total', labels, events);
    out.metric('porthole_watch_events_bytes_total', 'counter', 'How large they were.');
    for (const { labels, bytes } of this.#watchEvents.values()) out.sample('porthole_watch_events_bytes_total', labels, bytes);
  }
}

function count({ codes }: RequestSeries, code: number): void {
  codes.set(code, (codes.get(code) ?? 0) + 1);
}

async function writeObjects(out: Exposition, resources: Resources): Promise<void> {
  const counts = new Map<string, readonly [resource: string, count: number]>();
  for (const { kind, cache, storage } of resources.all()) {
    // Versions of one kind are views of the same objects.
    if (counts.has(storage.prefix) || !verbsOf(kind).includes('list')) continue;
    const { group, resource } = kind.groupResource;
    counts.set(storage.prefix, [group ? `${resource}.${group}` : resource, cache.size ?? (await storage.count())]);
  }
  out.metric('apiserver_storage_objects', 'gauge', 'Objects that are stored.');
  for (const [resource, count] of counts.values()) out.sample('apiserver_storage_objects', labelText({ resource }), count);
}

/** A verb in upstream's spelling; an apply is told from other patches by its body's type. */
function verbOf(
  { verb, subresource }: ResourceRequestInfo,
  { connect = [] }: NonNullable<AnyKind['subresources']>,
  { body }: Exchange,
): string {
  if (subresource && connect.includes(subresource)) return 'CONNECT';
  if (verb === 'patch' && body.type !== 'none' && body.contentType.startsWith('application/apply-patch')) return 'APPLY';
  return VERBS[verb] ?? verb.toUpperCase();
}

const scopeOf = ({ name, namespace }: ResourceRequestInfo) => (name ? 'resource' : namespace ? 'namespace' : 'cluster');

function resourceLabels(info: ResourceRequestInfo, kind: AnyKind, exchange: Exchange): Labels {
  const { group, version, plural } = kind;
  const verb = verbOf(info, kind.subresources ?? {}, exchange);
  return { component: 'apiserver', group, resource: plural, scope: scopeOf(info), subresource: subresourceOf(info, kind), verb, version };
}

function resourceKey(info: ResourceRequestInfo, kind: AnyKind, exchange: Exchange): string {
  const verb = info.verb === 'patch' ? verbOf(info, kind.subresources ?? {}, exchange) : info.verb;
  return `${kind.apiVersion}/${kind.plural}/${subresourceOf(info, kind)}|${verb}|${scopeOf(info)}`;
}

/** One that the kind has: what else a client writes there must not make a series. */
function subresourceOf({ subresource }: ResourceRequestInfo, { subresources = {} }: AnyKind): string {
  if (subresource === undefined) return '';
  const { connect = [], actions = {}, writable = {} } = subresources;
  const known = subresource === 'status' || subresource === 'scale' || subresource === 'eviction' || subresource === DECISIONS;
  return known || connect.includes(subresource) || Object.hasOwn(actions, subresource) || Object.hasOwn(writable, subresource)
    ? subresource
    : 'other';
}

/** Paths that are no resources are told apart by their first part. */
function pathLabels(exchange: Exchange, info: RequestInfo | undefined): Labels {
  const [verb, root] = pathKey(exchange, info).split(' ');
  return { component: 'apiserver', group: '', resource: '', scope: '', subresource: root!, verb: verb!, version: '' };
}

function pathKey({ method, path }: Exchange, info: RequestInfo | undefined): string {
  const verb = METHODS.has(method.toLowerCase()) ? method.toUpperCase() : 'OTHER';
  const root = path.split('/', 2)[1] ?? '';
  return `${verb} ${info && !info.isResource && ROOTS.has(root) ? `/${root}` : 'other'}`;
}
