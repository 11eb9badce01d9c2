// What the scheduler knows of claims, volumes and storage classes, and the wait for them to become what a pod needs.
import type { Clock } from '../apimachinery/clock.js';
import type { KubeObject } from '../apimachinery/object.js';
import type { Change, Informer, Informers } from '../client/informer.js';
import { persistentVolumes } from '../kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../kinds/core/persistentvolumeclaim.js';
import type { AnyKind } from '../kinds/define.js';
import { csiNodes } from '../kinds/storage/csinode.js';
import { storageClasses } from '../kinds/storage/storageclass.js';
import { volumeAttachments } from '../kinds/storage/volumeattachment.js';
import type { VolumeAttachment } from '../kinds/types/storage_v1.js';
import type { Storage } from './define.js';

const BY_NODE = 'node';

export class StorageCache implements Storage {
  readonly informers: readonly Informer<KubeObject>[];
  readonly #attachments: Informer<VolumeAttachment>;
  readonly #byKind: ReadonlyMap<AnyKind, Informer<KubeObject>>;

  constructor(
    informers: Informers,
    private readonly clock: Clock,
  ) {
    const kinds: readonly AnyKind[] = [persistentVolumeClaims, persistentVolumes, storageClasses, csiNodes, volumeAttachments];
    this.#byKind = new Map(kinds.map((kind) => [kind, informers.of<KubeObject>(kind)]));
    this.informers = [...this.#byKind.values()];
    this.#attachments = informers.of(volumeAttachments);
    this.#attachments.addIndex(BY_NODE, ({ spec }) => [spec.nodeName]);
  }

  get: Storage['get'] = (kind, name) => (this.#byKind.get(kind) as unknown as Informer<never> | undefined)?.get(name);
  list: Storage['list'] = (kind, namespace) => (this.#byKind.get(kind) as unknown as Informer<never> | undefined)?.list(namespace) ?? [];

  attachedTo = (node: string): readonly VolumeAttachment[] => this.#attachments.byIndex(BY_NODE, node);

  /** Returns how to stop. */
  onChange(handler: (change: Change<KubeObject>) => void): () => void {
    const unsubscribe = this.informers.map((informer) => informer.onChange(handler));
    return () => {
      for (const each of unsubscribe) each();
    };
  }

  /** Resolves once `condition` holds; rejects with what it throws, after the time-out, and with the signal's reason. */
  async until(condition: () => boolean, timeout_ms: number, signal: AbortSignal): Promise<void> {
    let settle: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const look = () => {
          try {
            if (condition()) resolve();
          } catch (error) {
            reject(error);
          }
        };
        const abort = () => reject(signal.reason);
        const timer = this.clock.after(timeout_ms, () => reject(new Error('timed out waiting for the condition')));
        const unsubscribe = this.onChange(look);
        signal.addEventListener('abort', abort, { once: true });
        settle = () => {
          timer.cancel();
          unsubscribe();
          signal.removeEventListener('abort', abort);
        };
        if (signal.aborted) abort();
        else look();
      });
    } finally {
      settle?.();
    }
  }
}
