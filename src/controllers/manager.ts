// startControllers: runs controller definitions. Changes of inputs become keys in a work queue, and workers reconcile them.
import { setMaxListeners } from 'node:events';
import type { Clock, Random } from '../apimachinery/clock.js';
import { type Exposition, labelText } from '../apimachinery/exposition.js';
import type { Logger } from '../apimachinery/logger.js';
import { controllerOf, type KubeObject, objectKey } from '../apimachinery/object.js';
import { isStatus, StatusError } from '../apimachinery/status.js';
import type { Client } from '../client/client.js';
import type { EventRecorder } from '../client/events.js';
import type { Change, Informer, Informers } from '../client/informer.js';
import { WorkQueue } from '../client/workqueue.js';
import { WorkQueueMetrics } from '../client/workqueue-metrics.js';
import type { AnyKind, Input, Kind, Lister, MappedInput } from '../kinds/define.js';
import { AggregatedKinds } from './aggregated-kinds.js';
import { CustomKinds, type RunTimeKinds } from './custom-kinds.js';
import type { ControllerDefinition, ControllerOptions, ReconcileContext } from './define.js';
import { onlyDeclared } from './outputs.js';
import { OwnWrites } from './own-writes.js';

/** The index of objects by their owners' uids, made when somebody first asks for it. */
const BY_OWNER = 'owner';
/** The one of objects by their controller's uid, or by their namespace where nobody controls them. */
const BY_CONTROLLER = 'controller';
/** Upstream's number of workers of most controllers. */
const CONCURRENCY = 5;
/** By then a healthy informer has seen a write; past it the key waits its back-off, so that it holds up no worker. */
const SEEN_TIMEOUT_ms = 30_000;

export interface ControllersOptions {
  /** One for all, or one for each ServiceAccount of kube-system; undefined is the controller manager itself. */
  readonly client: Client | ((serviceAccount: string | undefined) => Client);
  readonly informers: Informers;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly options: ControllerOptions;
  /** One for all, or one for each controller by its events' source (`replicaset-controller`), as `kubectl describe` shows it. */
  readonly events: EventRecorder | ((component: string) => EventRecorder);
}

export interface RunningControllers {
  /** Resolves once no reconcile runs any more. */
  stop(): Promise<void>;
  writeMetrics(out: Exposition): void;
}

/** Starts all of them. */
export function startControllers(definitions: readonly ControllerDefinition[], options: ControllersOptions): RunningControllers {
  const customKinds = definitions.some(({ customInputs }) => customInputs) ? new CustomKinds(options.informers) : undefined;
  const aggregatedKinds = customKinds && new AggregatedKinds({ ...options, client: clientOf(options) });
  const runTimeKinds = customKinds && aggregatedKinds ? [customKinds, aggregatedKinds] : [];
  const controllers = definitions.map((definition) => new Controller(definition, options, runTimeKinds));
  return {
    async stop() {
      for (const each of runTimeKinds) each.stop();
      await Promise.all(controllers.map((controller) => controller.stop()));
    },
    writeMetrics(out) {
      WorkQueueMetrics.write(
        out,
        controllers.map(({ metrics }) => metrics),
      );
      out.metric('running_managed_controllers', 'gauge', 'Controllers that run.');
      for (const { name } of definitions)
        out.sample('running_managed_controllers', labelText({ manager: 'kube-controller-manager', name: `${name}-controller` }), 1);
      if (aggregatedKinds) {
        out.metric(
          'garbagecollector_controller_resources_sync_error_total',
          'counter',
          'Other API servers whose resources could not be discovered.',
        );
        out.sample('garbagecollector_controller_resources_sync_error_total', '', aggregatedKinds.failures);
      }
      out.metric('porthole_controller_reconciles_total', 'counter', 'Reconciles by how they ended.');
      for (const { name, outcomes } of controllers)
        for (const [result, count] of Object.entries(outcomes))
          out.sample('porthole_controller_reconciles_total', labelText({ name, result }), count);
    },
  };
}

const clientOf = ({ client }: ControllersOptions, serviceAccount?: string): Client =>
  typeof client === 'function' ? client(serviceAccount) : client;

class Controller {
  readonly metrics: WorkQueueMetrics;
  readonly outcomes = { success: 0, error: 0 };
  readonly #queue: WorkQueue;
  readonly #informers = new Map<AnyKind, Informer<KubeObject>>();
  readonly #lister: Lister & Pick<ReconcileContext, 'claimable'>;
  readonly #writes: OwnWrites;
  readonly #events: EventRecorder;
  readonly #client: Client;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  readonly #unsubscribe: (() => void)[] = [];
  readonly #workers: Promise<void>;

  constructor(
    private readonly definition: ControllerDefinition,
    private readonly options: ControllersOptions,
    private readonly runTimeKinds: readonly RunTimeKinds[],
  ) {
    // Each worker that waits and each input that is not synced yet listens to it.
    setMaxListeners(0, this.#stopping.signal);
    this.metrics = new WorkQueueMetrics(definition.name, options.clock);
    this.#queue = new WorkQueue(options.clock, this.metrics);
    this.#log = options.log.child({ controller: definition.name });
    for (const input of definition.inputs) {
      const kind = sourceOf(input);
      this.#informers.set(kind, options.informers.of(kind) as Informer<KubeObject>);
    }
    this.#lister = this.#makeLister();
    this.#writes = new OwnWrites(this.#informers);
    const { serviceAccount = `${definition.name}-controller` } = definition;
    this.#client = onlyDeclared(clientOf(options, serviceAccount ?? undefined), definition);
    this.#events =
      typeof options.events === 'function' ? options.events(definition.eventSource ?? `${definition.name}-controller`) : options.events;
    for (const [kind, informer] of this.#informers) this.#unsubscribe.push(this.#subscribe(kind, informer, this.definition.inputs));
    if (definition.customInputs) for (const kinds of runTimeKinds) this.#subscribeToKinds(kinds, definition.customInputs);
    this.#workers = this.#run();
  }

  get name(): string {
    return this.definition.name;
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#queue.shutDown();
    this.#stopping.abort(new Error('controllers stopped'));
    await this.#workers;
  }

  #subscribe(kind: AnyKind, informer: Informer<KubeObject>, all: readonly Input[]): () => void {
    const inputs = all.filter((input) => sourceOf(input) === kind);
    return informer.onChange((change) => this.#changed(kind, inputs, change));
  }

  #changed(kind: AnyKind, inputs: readonly Input[], change: Change<KubeObject>): void {
    this.#writes.observe(kind, change);
    // Each once: a worker that waits begins with the first, and would have to look again for the second.
    for (const key of new Set(inputs.flatMap((input) => this.#keys(input, change)))) this.#queue.add(key);
  }

  /** Of a kind that goes there are no objects any more, or none that can be known of. */
  #subscribeToKinds(kinds: RunTimeKinds, customInputs: ControllerDefinition['customInputs'] & object): void {
    const unsubscribe = new Map<AnyKind, () => void>();
    const stop = kinds.subscribe({
      added: (kind) => {
        const informer = this.options.informers.of(kind) as Informer<KubeObject>;
        this.#informers.set(kind, informer);
        unsubscribe.set(kind, this.#subscribe(kind, informer, [customInputs(kind)]));
      },
      removed: (kind) => {
        const left = this.#informers.get(kind)?.list() ?? [];
        unsubscribe.get(kind)?.();
        unsubscribe.delete(kind);
        this.#informers.delete(kind);
        for (const object of left) this.#changed(kind, [customInputs(kind)], { key: objectKey(object), old: object });
      },
    });
    this.#unsubscribe.push(stop, () => {
      for (const each of unsubscribe.values()) each();
    });
  }

  #keys(input: Input, change: Change<KubeObject>): readonly string[] {
    if (!isMapped(input)) return [change.key];
    const before = change.old ? input.keys(change.old, this.#lister) : [];
    const after = change.new ? input.keys(change.new, this.#lister) : [];
    return [...before, ...after];
  }

  #makeLister(): Lister & Pick<ReconcileContext, 'claimable'> {
    const customKinds = () => this.runTimeKinds.flatMap(({ known }) => known);
    const of = <T extends KubeObject>(kind: Kind<T>): Informer<T> | undefined => {
      const informer = this.#informers.get(kind);
      if (!informer && !customKinds().includes(kind))
        throw new Error(`controller ${this.definition.name} reads ${kind.plural}, which is not among its inputs`);
      return informer as unknown as Informer<T> | undefined;
    };
    return {
      get: (kind, name) => of(kind)?.get(name),
      list: (kind, namespace) => of(kind)?.list(namespace) ?? [],
      ownedBy: (kind, ownerUid) => {
        const informer = of(kind);
        informer?.addIndex(BY_OWNER, ownerUids);
        return informer?.byIndex(BY_OWNER, ownerUid) ?? [];
      },
      claimable: (kind, { metadata }) => {
        const informer = of(kind);
        informer?.addIndex(BY_CONTROLLER, controllerKeys);
        return [metadata.uid, nobodyIn(metadata.namespace)].flatMap((key) => informer?.byIndex(BY_CONTROLLER, key) ?? []);
      },
      get customKinds() {
        return customKinds();
      },
    };
  }

  async #run(): Promise<void> {
    try {
      if (this.definition.customInputs) await Promise.all(this.runTimeKinds.map((kinds) => kinds.whenSynced(this.#stopping.signal)));
      // Not those of custom kinds, which may go before they are synced.
      await Promise.all(this.definition.inputs.map((input) => this.#informers.get(sourceOf(input))!.whenSynced(this.#stopping.signal)));
    } catch (reason) {
      if (this.#stopping.signal.aborted) return;
      throw reason;
    }
    const { name, concurrency: own = CONCURRENCY } = this.definition;
    const concurrency = this.options.options.concurrentSyncs?.[name] ?? own;
    const workers = Array.from({ length: concurrency }, () => this.#work());
    await Promise.all(workers);
  }

  async #work(): Promise<void> {
    for (let key = await this.#queue.next(); key !== undefined; key = await this.#queue.next()) {
      await this.#reconcile(key);
      this.#queue.done(key);
    }
  }

  async #reconcile(key: string): Promise<void> {
    try {
      await this.#whenOwnWritesSeen(key);
      const result = await this.definition.reconcile(key, this.#context(key));
      this.outcomes.success++;
      this.#queue.forget(key);
      if (result?.requeueAfter_ms !== undefined) this.#queue.addAfter(key, result.requeueAfter_ms);
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.outcomes.error++;
      this.#report(key, error);
      this.#queue.addRateLimited(key);
    }
  }

  async #whenOwnWritesSeen(key: string): Promise<void> {
    if (!this.#writes.has(key)) return;
    const waiting = new AbortController();
    const abort = () => waiting.abort(this.#stopping.signal.reason);
    this.#stopping.signal.addEventListener('abort', abort, { once: true });
    const timer = this.options.clock.after(SEEN_TIMEOUT_ms, () =>
      waiting.abort(new StatusError(504, 'Timeout', 'its own last writes have not come back in time')),
    );
    try {
      await this.#writes.whenSeen(key, waiting.signal);
    } finally {
      timer.cancel();
      this.#stopping.signal.removeEventListener('abort', abort);
    }
  }

  #context(key: string): ReconcileContext {
    const { clock, random, options } = this.options;
    const events = this.#events;
    return { ...this.#lister, client: this.#writes.recording(this.#client, key), events, clock, random, log: this.#log, options };
  }

  /** Conflicts are everyday life between writers; what is no Status is a defect and comes with its stack. */
  #report(key: string, error: unknown): void {
    const failures = this.#queue.failures(key) + 1;
    if (isStatus(error, 'Conflict')) this.#log.debug({ key, failures }, error.message);
    else if (error instanceof StatusError) this.#log.warn({ key, failures, reason: error.reason }, error.message);
    else this.#log.error({ key, failures, err: error }, `reconcile failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const ownerUids = ({ metadata }: KubeObject): readonly string[] => (metadata.ownerReferences ?? []).map(({ uid }) => uid);
const nobodyIn = (namespace = '') => `/${namespace}`;
const controllerKeys = (object: KubeObject): readonly string[] => [controllerOf(object)?.uid ?? nobodyIn(object.metadata.namespace)];
const isMapped = (input: Input): input is MappedInput => 'source' in input;
const sourceOf = (input: Input): AnyKind => (isMapped(input) ? input.source : input);
