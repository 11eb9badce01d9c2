// startManifests: keeps the cluster in step with a folder of manifests: what is in a file is applied, what no longer is is pruned, and an
// AddOn tells how that went. Files are one another's business only in that none prunes what another has.
import { mkdir } from 'node:fs/promises';
import type { Clock, Random } from '../../apimachinery/clock.js';
import type { Logger } from '../../apimachinery/logger.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { StatusError } from '../../apimachinery/status.js';
import type { Client, Transport } from '../../client/client.js';
import type { EventRecorder } from '../../client/events.js';
import type { Informers } from '../../client/informer.js';
import { WorkQueue } from '../../client/workqueue.js';
import type { AnyKind } from '../../kinds/define.js';
import { NAMESPACE_SYSTEM } from '../../kinds/wellknown.js';
import { type AddOn, addOns, LABEL_ADDON, type ObjectRef } from './addon.js';
import { Applier } from './applier.js';
import { addOnName, inOrder, type ManifestObject, refKey } from './documents.js';
import { type ManifestFile, ManifestFolder } from './folder.js';
import { AddOnRecord } from './record.js';

/** What a file waits for, such as a definition that another brings, mostly comes at once; what is wrong for good is not looked at often. */
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 60_000;

export interface ManifestsOptions {
  readonly path: string;
  /** Names this server among those that have a folder. */
  readonly server: string;
  readonly transport: Transport;
  readonly client: Client;
  readonly informers: Informers;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Rejects where there is no folder and none can be made. */
export async function startManifests(options: ManifestsOptions): Promise<{ stop(): Promise<void> }> {
  await mkdir(options.path, { recursive: true, mode: 0o700 });
  const manifests = new Manifests(options);
  await manifests.start();
  return manifests;
}

interface Resolved {
  readonly object: ManifestObject;
  /** Undefined while the API has no such kind. */
  readonly kind: AnyKind | undefined;
  readonly ref: ObjectRef;
}

class Manifests {
  readonly #queue: WorkQueue;
  readonly #folder: ManifestFolder;
  readonly #record: AddOnRecord;
  readonly #applier: Applier;
  #files: ReadonlyMap<string, ManifestFile> = new Map();
  /** AddOn -> what its file has, as far as that is known. */
  readonly #wanted = new Map<string, ReadonlySet<string>>();
  readonly #failures = new Map<string, number>();
  /** Those that have something to prune, and let the others show first what they have. */
  readonly #postponed = new Set<string>();
  /** Kinds whose labelled objects are followed. */
  readonly #followed = new Map<string, { readonly kind: AnyKind; readonly stop: () => void }>();
  #working: Promise<void> | undefined;

  constructor(private readonly options: ManifestsOptions) {
    const { path, client, clock, log, server, transport } = options;
    this.#queue = new WorkQueue(clock);
    this.#record = new AddOnRecord(client, clock, server);
    this.#applier = new Applier(transport);
    this.#folder = new ManifestFolder({ path, clock, log, changed: (files) => this.#changed(files) });
  }

  async start(): Promise<void> {
    await this.#folder.start();
    await this.#addFormer();
    this.#working = this.#work();
  }

  async stop(): Promise<void> {
    await this.#folder.stop();
    this.#queue.shutDown();
    for (const { stop } of this.#followed.values()) stop();
    await this.#working;
  }

  #changed(files: readonly ManifestFile[]): void {
    const before = this.#files;
    this.#files = new Map(files.map((file) => [addOnName(file.source), file]));
    const names = [...this.#files].filter(([name, file]) => before.get(name) !== file).map(([name]) => name);
    // Those that have gone come last: what has moved to another file is that one's by then.
    for (const name of [...names, ...[...before.keys()].filter((each) => !this.#files.has(each))]) {
      this.#failures.delete(name);
      this.#queue.add(name);
    }
  }

  /** Files may have gone while nobody looked. */
  async #addFormer(): Promise<void> {
    if (!(await this.#record.isDefined())) return;
    const { items } = await this.options.client.list(addOns, { namespace: NAMESPACE_SYSTEM });
    for (const { metadata, spec } of items) if (spec.server === this.options.server) this.#queue.add(metadata.name);
  }

  /** One after the other, so that what one brings is there for the next. */
  async #work(): Promise<void> {
    for (let name = await this.#queue.next(); name !== undefined; name = await this.#queue.next()) {
      try {
        const done = await this.#reconcile(name);
        if (done) this.#failures.delete(name);
        else this.#retry(name);
      } catch (error) {
        if (!(error instanceof StatusError)) this.options.log.error({ addOn: name, err: error }, 'manifest failed');
        else this.options.log.info({ addOn: name, reason: error.reason }, `not applied yet: ${error.message}`);
        this.#retry(name);
      }
      this.#queue.done(name);
    }
  }

  #retry(name: string): void {
    const failures = this.#failures.get(name) ?? 0;
    this.#failures.set(name, failures + 1);
    this.#queue.addAfter(name, Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** failures));
  }

  /** Whether nothing is left to do. */
  async #reconcile(name: string): Promise<boolean> {
    const file = this.#files.get(name);
    const addOn = await this.#record.get(name);
    if (!file) return addOn?.spec.server === this.options.server ? this.#remove(name, addOn) : true;
    if (file.skipped) return true;
    return this.#apply(name, file, addOn);
  }

  async #apply(name: string, file: ManifestFile, before: AddOn | undefined): Promise<boolean> {
    const { events } = this.options;
    const resolved = await this.#resolve(file);
    const refs = resolved.flatMap(({ ref, kind }) => (kind ? [ref] : []));
    // A file that cannot be read says nothing of what it had.
    if (file.error === undefined) this.#wanted.set(name, new Set(refs.map(refKey)));
    const isNew = before?.spec.checksum !== file.checksum;
    let addOn = await this.#record.ensure(name, file.source, file.checksum, before);
    this.#follow(addOns);
    const had = addOn.status?.objects ?? [];
    const left = had.filter((ref) => !refs.some((each) => refKey(each) === refKey(ref)));
    // Before anything is made: whatever happens now, it is known what there may be to prune.
    addOn = await this.#record.write(addOn, [...refs, ...left]);
    if (isNew) events.event(addOn, 'Normal', 'ApplyingManifest', `Applying manifest at "${file.source}"`);
    const failures = file.error === undefined ? await this.#applyAll(name, resolved) : [file.error];
    if (failures.length > 0) {
      const message = failures.join('; ');
      if (addOn.status?.conditions?.[0]?.message !== message)
        events.event(addOn, 'Warning', 'ApplyManifestFailed', `Applying manifest at "${file.source}" failed: ${message}`);
      await this.#record.write(addOn, [...refs, ...left], { applied: false, reason: 'ApplyManifestFailed', message });
      // What is wrong in the file itself is so until that changes.
      return file.error !== undefined;
    }
    if (left.length > 0 && this.#postpone(name)) return true;
    await this.#pruneAll(name, left);
    const wasApplied = addOn.status?.conditions?.[0]?.status === 'True';
    const message = `${refs.length} objects are as the manifest says`;
    addOn = await this.#record.write(addOn, refs, { applied: true, reason: 'AppliedManifest', message });
    if (isNew || !wasApplied) events.event(addOn, 'Normal', 'AppliedManifest', `Applied manifest at "${file.source}"`);
    return true;
  }

  async #resolve(file: ManifestFile): Promise<readonly Resolved[]> {
    const resolved: Resolved[] = [];
    for (const object of inOrder(file.objects)) {
      const kind = await this.#applier.kindOf(object);
      resolved.push({ object, kind, ref: this.#applier.refOf(kind, object) });
    }
    return resolved;
  }

  /** What each that cannot be applied fails for: one does not stop the others. */
  async #applyAll(name: string, resolved: readonly Resolved[]): Promise<readonly string[]> {
    const failures: string[] = [];
    for (const { object, ref, kind: known } of resolved) {
      // One of the file's own definitions may have come to be served meanwhile.
      const kind = known ?? (await this.#applier.kindOf(object));
      try {
        if (!kind) throw new Error(`no matches for kind "${object.kind}" in version "${object.apiVersion}"`);
        await this.#applier.apply(kind, object, ref, name);
        this.#follow(kind);
      } catch (error) {
        failures.push(`${object.kind} ${ref.namespace ? `${ref.namespace}/` : ''}${ref.name}: ${(error as Error).message}`);
      }
    }
    return failures;
  }

  /** Whether others come first: what has moved from one file to another must not go in between. */
  #postpone(name: string): boolean {
    if (this.#postponed.delete(name) || this.#queue.length === 0) return false;
    this.#postponed.add(name);
    this.#queue.add(name);
    return true;
  }

  /** What another file has by now is that one's. */
  async #pruneAll(name: string, refs: readonly ObjectRef[]): Promise<void> {
    const others = [...this.#wanted].filter(([other]) => other !== name).map(([, keys]) => keys);
    for (const ref of inOrder(refs).toReversed()) {
      if (!others.some((keys) => keys.has(refKey(ref)))) await this.#applier.prune(ref, name);
    }
    this.#unfollow();
  }

  async #remove(name: string, addOn: AddOn): Promise<boolean> {
    this.options.events.event(addOn, 'Normal', 'DeletingManifest', `Deleting manifest at "${addOn.spec.source}"`);
    this.#wanted.delete(name);
    await this.#pruneAll(name, addOn.status?.objects ?? []);
    await this.#record.remove(addOn);
    return true;
  }

  /** What is deleted by hand comes back. */
  #follow(kind: AnyKind): void {
    const id = groupKind(kind);
    if (this.#followed.has(id)) return;
    const isAddOn = kind === addOns;
    const informer = this.options.informers.of<KubeObject>(
      kind,
      isAddOn ? { namespace: NAMESPACE_SYSTEM } : { labelSelector: LABEL_ADDON },
    );
    const stop = informer.onChange(({ old, new: now }) => {
      const name = now || !old ? undefined : isAddOn ? old.metadata.name : old.metadata.labels?.[LABEL_ADDON];
      if (name !== undefined && this.#files.has(name)) this.#queue.add(name);
    });
    this.#followed.set(id, { kind, stop });
  }

  /** Kinds that no file has any more, and that the API perhaps no longer has either. */
  #unfollow(): void {
    const used = new Set([...this.#wanted.values()].flatMap((keys) => [...keys].map((key) => key.split('/', 2).join('/'))));
    for (const [id, { kind, stop }] of this.#followed) {
      if (used.has(id) || (kind === addOns && this.#files.size > 0)) continue;
      stop();
      this.options.informers.drop(kind);
      this.#followed.delete(id);
    }
  }
}

/** As keys of objects begin. */
const groupKind = ({ group, kind }: AnyKind): string => `${group}/${kind}`;
