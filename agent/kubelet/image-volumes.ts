// A pod's volumes of type image: pulled as its containers' images are. What goes wrong with one concerns only the containers that mount it.
import type { Container, ImageVolumeSource, Pod } from '../../src/kinds/types/core_v1.js';
import { mountedImage, mountImage } from '../volumes/image.js';
import type { ReadyVolume } from '../volumes/index.js';
import { pullSecrets } from './pull-secrets.js';
import type { PodServices } from './services.js';

type Services = Pick<PodServices, 'dirs' | 'images' | 'sources'>;

export class ImageVolumes {
  private readonly ready: ReadonlyMap<string, Promise<ReadyVolume>>;

  /** Begins at once with all of them. */
  constructor(
    private readonly pod: Pod,
    private readonly services: Services,
    private readonly signal: AbortSignal,
  ) {
    const volumes = pod.spec.volumes ?? [];
    this.ready = new Map(volumes.flatMap(({ name, image }) => (image ? [[name, this.setUp(name, image)] as const] : [])));
    // Of one that nobody mounts, too, its events tell.
    for (const outcome of this.ready.values()) outcome.catch(() => undefined);
  }

  /** Those that a container mounts. Rejects with the first problem, a WaitingError or a VolumeError. */
  async of({ volumeMounts = [] }: Container): Promise<readonly (readonly [name: string, volume: ReadyVolume])[]> {
    const named = volumeMounts.flatMap(({ name }) => (this.ready.has(name) ? [name] : []));
    return Promise.all(named.map(async (name) => [name, await this.ready.get(name)!] as const));
  }

  /** None is under way any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.ready.values());
  }

  private async setUp(name: string, { reference = '', pullPolicy }: ImageVolumeSource): Promise<ReadyVolume> {
    const { dirs, images, sources } = this.services;
    const directory = dirs.pod(this.pod.metadata.uid);
    const before = await mountedImage(directory, name);
    if (before !== undefined) return { path: before, readOnly: 'itself' };
    const wish = { image: reference, ...(pullPolicy ? { imagePullPolicy: pullPolicy } : {}) };
    const image = await images.ensure(this.pod, wish, await pullSecrets(this.pod, sources), this.signal);
    return { path: await mountImage(directory, name, image), readOnly: 'itself' };
  }
}
