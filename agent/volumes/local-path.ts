// The node's half of the built-in provisioner of folders: makes a volume's folder when it is first mounted, and removes it once the volume
// is given up.
import { chmod, mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import { isBeingDeleted } from '../../src/apimachinery/object.js';
import { isStatus } from '../../src/apimachinery/status.js';
import type { Client } from '../../src/client/client.js';
import type { Informers } from '../../src/client/informer.js';
import { WorkQueue } from '../../src/client/workqueue.js';
import { persistentVolumes } from '../../src/kinds/core/persistentvolume.js';
import { ANNOTATION_PROVISIONED_BY } from '../../src/kinds/core/volume-binding.js';
import { FINALIZER_LOCAL_PATH, LOCAL_PATH_PROVISIONER } from '../../src/kinds/storage/local-path.js';
import type { PersistentVolume } from '../../src/kinds/types/core_v1.js';
import { LABEL_HOSTNAME } from '../../src/kinds/wellknown.js';

/** Where a node's volumes have their folders. */
export const localPathRoot = (rootDirectory: string): string => join(rootDirectory, 'local-path');

/** Of a volume that this provisioner made: nobody else will have made its folder. Any user of a container may write into a new one. */
export async function makeLocalPath({ metadata, spec }: PersistentVolume): Promise<void> {
  const path = spec.local?.path;
  if (!path || metadata.annotations?.[ANNOTATION_PROVISIONED_BY] !== LOCAL_PATH_PROVISIONER) return;
  if (await mkdir(path, { recursive: true, mode: 0o755 })) await chmod(path, 0o777);
}

interface LocalPathOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly nodeName: string;
  readonly rootDirectory: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Looks after the volumes of this node until it is stopped. */
export function startLocalPaths(options: LocalPathOptions): { stop(): void } {
  const { informers, nodeName, clock, log } = options;
  const queue = new WorkQueue(clock);
  const informer = informers.of(persistentVolumes, { labelSelector: `${LABEL_HOSTNAME}=${nodeName}` });
  const unsubscribe = informer.onChange(({ key, new: volume }) => {
    if (volume && isGivenUp(volume)) queue.add(key);
  });
  const run = async () => {
    for (let key = await queue.next(); key !== undefined; key = await queue.next()) {
      const volume = informer.get({ name: key });
      try {
        if (volume && isGivenUp(volume)) await giveUp(options, volume);
        queue.forget(key);
      } catch (error) {
        if (!isStatus(error as Error, 'Conflict'))
          log.warn({ volume: key, error: (error as Error).message }, 'cannot give up a local path');
        queue.addRateLimited(key);
      }
      queue.done(key);
    }
  };
  void run();
  return {
    stop() {
      unsubscribe();
      queue.shutDown();
    },
  };
}

/** Being deleted, no claim's any more, and waiting for its node. */
const isGivenUp = (volume: PersistentVolume): boolean =>
  isBeingDeleted(volume) && volume.status.phase !== 'Bound' && (volume.metadata.finalizers?.includes(FINALIZER_LOCAL_PATH) ?? false);

/** What a volume holds goes only where its policy says so: one that is to be retained is let go as it is. */
async function giveUp({ client, rootDirectory, log }: LocalPathOptions, volume: PersistentVolume): Promise<void> {
  const { metadata, spec } = volume;
  if (spec.persistentVolumeReclaimPolicy === 'Delete') {
    const path = spec.local?.path ?? '';
    // A path from the API is no reason to remove anything else of the node.
    if (dirname(path) !== localPathRoot(rootDirectory) || ['', '.', '..'].includes(basename(path)))
      throw new Error(`${path} is not a folder below ${localPathRoot(rootDirectory)}`);
    await rm(path, { recursive: true, force: true });
    log.info({ volume: metadata.name, path }, 'removed a local path');
  }
  const finalizers = metadata.finalizers!.filter((each) => each !== FINALIZER_LOCAL_PATH);
  try {
    await client.update(persistentVolumes, { ...volume, metadata: { ...metadata, finalizers } });
  } catch (error) {
    if (!isStatus(error as Error, 'NotFound')) throw error;
  }
}
