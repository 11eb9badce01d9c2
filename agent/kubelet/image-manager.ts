// Images by their pull policy: present, pulled, or a reason to wait; failed pulls back off.
import type { Clock } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { EventRecorder } from '../../src/client/events.js';
import type { Container, Pod } from '../../src/kinds/types/core_v1.js';
import type { ContainerRuntime, Image, RegistryAuth } from '../runtime/runtime.js';
import { Backoff } from './backoff.js';
import { withTag } from './container-status.js';
import { WaitingError } from './waiting.js';

/** Docker's grammar of a reference: an optional registry, path, tag and digest. */
const REFERENCE =
  /^(?:(?:localhost|[\w-]+(?:\.[\w-]+)+|[\w-]+(?=:\d+\/))(?::\d+)?\/)?[a-z\d]+(?:(?:\.|_{1,2}|-+|\/)[a-z\d]+)*(?::\w[\w.-]{0,127})?(?:@[A-Za-z][\w.+-]*:[0-9a-fA-F]{32,})?$/;

/** Looked up once each; an ID never means another image. */
const IMAGE_IDS_MAX = 1000;

export interface ImageManagerOptions {
  readonly runtime: ContainerRuntime;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
}

export class ImageManager {
  private readonly backoff: Backoff;
  /** The error of each key that backs off, to be repeated while it waits. */
  private readonly errors = new Map<string, { message: string; at_ms: number }>();
  private readonly ids = new Map<string, string>();

  constructor(private readonly options: ImageManagerOptions) {
    this.backoff = new Backoff(options.clock);
  }

  /** Rejects with a WaitingError of upstream's reasons. `auths` are tried in turn; none: anonymously. */
  async ensure(pod: Pod, container: Container, auths: readonly RegistryAuth[], signal: AbortSignal): Promise<Image> {
    const reference = container.image ?? '';
    if (!REFERENCE.test(reference)) {
      const problem = `couldn't parse image name "${reference}": invalid reference format`;
      throw this.failed(
        pod,
        'InspectFailed',
        new WaitingError('InvalidImageName', `Failed to apply default image tag "${reference}": ${problem}`),
      );
    }
    const policy = container.imagePullPolicy ?? 'IfNotPresent';
    const present = policy === 'Always' ? undefined : await this.inspect(reference);
    if (present) {
      this.options.events.event(pod, 'Normal', 'Pulled', `Container image "${reference}" already present on machine`);
      return present;
    }
    if (policy === 'Never') {
      const message = `Container image "${reference}" is not present with pull policy of Never`;
      throw this.failed(pod, 'ErrImageNeverPull', new WaitingError('ErrImageNeverPull', message));
    }
    return this.pull(pod, reference, auths, signal);
  }

  /** As a container status has it, once the image was ensured or looked up. */
  imageId(id: string): string {
    return this.ids.get(id) ?? `docker://${id}`;
  }

  /** Learns the image of a container that an agent before this one started. */
  async learn(id: string): Promise<void> {
    if (!this.ids.has(id)) await this.inspect(id);
  }

  forgetPod(uid: string): void {
    this.backoff.reset(`${uid}/`);
    for (const key of this.errors.keys()) if (key.startsWith(`${uid}/`)) this.errors.delete(key);
  }

  private async inspect(reference: string): Promise<Image | undefined> {
    const image = await this.options.runtime.inspectImage(reference);
    if (!image) return undefined;
    if (this.ids.size >= IMAGE_IDS_MAX) this.ids.clear();
    const digest = image.digests[0];
    this.ids.set(image.id, digest ? `docker-pullable://${digest}` : `docker://${image.id}`);
    return image;
  }

  private async pull(pod: Pod, reference: string, auths: readonly RegistryAuth[], signal: AbortSignal): Promise<Image> {
    const { events, clock } = this.options;
    const key = `${pod.metadata.uid}/${reference}`;
    const last = this.errors.get(key);
    const wait_ms = last ? this.backoff.remaining_ms(key, last.at_ms) : 0;
    if (last && wait_ms > 0) {
      events.event(pod, 'Normal', 'BackOff', `Back-off pulling image "${reference}"`);
      const error = new WaitingError('ImagePullBackOff', `Back-off pulling image "${reference}": ErrImagePull: ${last.message}`, wait_ms);
      events.event(pod, 'Warning', 'Failed', 'Error: ImagePullBackOff');
      throw error;
    }
    events.event(pod, 'Normal', 'Pulling', `Pulling image "${reference}"`);
    const started_ms = clock.monotonic();
    try {
      await this.pullWithAny(withTag(reference), auths, signal);
      const image = await this.inspect(reference);
      if (!image) throw new Error('the image was pulled, and is gone again');
      this.errors.delete(key);
      this.backoff.reset(key);
      const took = `${((clock.monotonic() - started_ms) / 1000).toFixed(3)}s`;
      events.event(
        pod,
        'Normal',
        'Pulled',
        `Successfully pulled image "${reference}" in ${took} (${took} including waiting). Image size: ${image.size_bytes} bytes.`,
      );
      return image;
    } catch (error) {
      if (signal.aborted) throw error;
      const { message } = error as Error;
      this.errors.set(key, { message, at_ms: clock.now() });
      this.backoff.next(key, clock.now());
      events.event(pod, 'Warning', 'Failed', `Failed to pull image "${reference}": ${message}`);
      events.event(pod, 'Warning', 'Failed', 'Error: ErrImagePull');
      throw new WaitingError('ErrImagePull', message, this.backoff.remaining_ms(key, clock.now()));
    }
  }

  private async pullWithAny(reference: string, auths: readonly RegistryAuth[], signal: AbortSignal): Promise<void> {
    if (auths.length === 0) return this.options.runtime.pullImage(reference, undefined, signal);
    for (const [index, auth] of auths.entries()) {
      try {
        return await this.options.runtime.pullImage(reference, auth, signal);
      } catch (error) {
        if (signal.aborted || index === auths.length - 1) throw error;
        this.options.log.debug({ reference, registry: auth.serveraddress }, 'pull with these credentials failed, trying the next');
      }
    }
  }

  private failed(pod: Pod, reason: string, error: WaitingError): WaitingError {
    this.options.events.event(pod, 'Warning', reason, error.message);
    this.options.events.event(pod, 'Warning', 'Failed', `Error: ${error.reason}`);
    return error;
  }
}
