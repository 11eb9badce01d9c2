// Images by their pull policy: present, pulled, or a reason to wait; failed pulls back off.
import type { Clock } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { EventRecorder } from '../../src/client/events.js';
import type { Container, Pod } from '../../src/kinds/types/core_v1.js';
import type { ContainerRuntime, Image } from '../runtime/runtime.js';
import { Backoff } from './backoff.js';
import { containerPath } from './container-path.js';
import { withTag } from './container-status.js';
import type { PodStarts } from './pod-starts.js';
import { credentialsFor, type PullCredential, type PullSecrets } from './pull-secrets.js';
import { type PullLimits, PullTurns } from './pull-turns.js';
import type { PulledImages } from './pulled-images.js';
import { WaitingError } from './waiting.js';

/** Docker's grammar of a reference: an optional registry, path, tag and digest. */
const REFERENCE =
  /^(?:(?:localhost|[\w-]+(?:\.[\w-]+)+|[\w-]+(?=:\d+\/))(?::\d+)?\/)?[a-z\d]+(?:(?:\.|_{1,2}|-+|\/)[a-z\d]+)*(?::\w[\w.-]{0,127})?(?:@[A-Za-z][\w.+-]*:[0-9a-fA-F]{32,})?$/;

/** Looked up once each; an ID never means another image. */
const IMAGE_IDS_MAX = 1000;

export interface ImageManagerOptions {
  readonly runtime: ContainerRuntime;
  readonly events: EventRecorder;
  readonly settings: PullLimits;
  readonly pulled: PulledImages;
  readonly starts: Pick<PodStarts, 'pulled'>;
  readonly clock: Clock;
  readonly log: Logger;
}

type Tell = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

/** A container, or a volume of the pod, which has no name here. */
export type ImageWish = Pick<Container, 'image' | 'imagePullPolicy'> & { readonly name?: string };

export class ImageManager {
  private readonly backoff: Backoff;
  private readonly turns: PullTurns;
  /** The error of each key that backs off, to be repeated while it waits. */
  private readonly errors = new Map<string, { error: WaitingError; at_ms: number }>();
  private readonly ids = new Map<string, string>();

  constructor(private readonly options: ImageManagerOptions) {
    this.backoff = new Backoff(options.clock);
    this.turns = new PullTurns(options.settings, options.clock);
  }

  /** Rejects with a WaitingError of upstream's reasons. That an image is there already is told once it is of use to the pod: never, where `usable` rejects. */
  async ensure(
    pod: Pod,
    wish: ImageWish,
    secrets: PullSecrets,
    signal: AbortSignal,
    usable: Promise<unknown> = Promise.resolve(),
  ): Promise<Image> {
    const { pulled } = this.options;
    const tell = this.teller(pod, wish);
    const reference = wish.image ?? '';
    if (!REFERENCE.test(reference)) {
      const problem = `couldn't parse image name "${reference}": invalid reference format`;
      throw failed(
        tell,
        'InspectFailed',
        new WaitingError('InvalidImageName', `Failed to apply default image tag "${reference}": ${problem}`),
      );
    }
    if (secrets.missing.length > 0) {
      const message = `Unable to retrieve some image pull secrets (${secrets.missing.join(', ')}); attempting to pull the image may not succeed.`;
      tell('Warning', 'FailedToRetrieveImagePullSecret', message);
    }
    const credentials = credentialsFor(reference, secrets.credentials);
    const policy = wish.imagePullPolicy ?? 'IfNotPresent';
    const present = policy === 'Always' ? undefined : await this.inspect(reference);
    if (present && (await pulled.mayUse(present.id, reference, credentials))) {
      const message = `Container image "${reference}" already present on machine and can be accessed by the pod`;
      usable.then(
        () => tell('Normal', 'Pulled', message),
        () => undefined,
      );
      return present;
    }
    if (policy === 'Never') {
      const message = `Container image "${reference}" is not present with pull policy of Never`;
      throw failed(tell, 'ErrImageNeverPull', new WaitingError('ErrImageNeverPull', message));
    }
    return this.pull(pod, tell, reference, credentials, signal);
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

  private async pull(pod: Pod, tell: Tell, reference: string, credentials: readonly PullCredential[], signal: AbortSignal): Promise<Image> {
    const { clock } = this.options;
    const key = `${pod.metadata.uid}/${reference}`;
    this.throwWhileBackingOff(tell, reference, key);
    tell('Normal', 'Pulling', `Pulling image "${reference}"`);
    const asked_ms = clock.monotonic();
    try {
      const { image, took_ms } = await this.turns.run(signal, () => this.pullNow(reference, credentials, signal));
      this.options.starts.pulled(pod.metadata.uid, took_ms);
      this.errors.delete(key);
      this.backoff.reset(key);
      const [took, all] = [took_ms, clock.monotonic() - asked_ms].map(formatSpan);
      const message = `Successfully pulled image "${reference}" in ${took} (${all} including waiting). Image size: ${image.size_bytes} bytes.`;
      tell('Normal', 'Pulled', message);
      return image;
    } catch (error) {
      if (signal.aborted) throw error;
      const { reason, message } = pullError(reference, error as Error);
      this.backoff.next(key, clock.now());
      // Looked at before it is over, so that its status says what it waits for.
      const waiting = new WaitingError(reason, message, this.backoff.remaining_ms(key, clock.now()) / 2);
      this.errors.set(key, { error: waiting, at_ms: clock.now() });
      tell('Warning', 'Failed', `Failed to pull image "${reference}": ${(error as Error).message}`);
      tell('Warning', 'Failed', `Error: ${reason}`);
      throw waiting;
    }
  }

  private throwWhileBackingOff(tell: Tell, reference: string, key: string): void {
    const last = this.errors.get(key);
    const wait_ms = last ? this.backoff.remaining_ms(key, last.at_ms) : 0;
    if (!last || wait_ms <= 0) return;
    tell('Normal', 'BackOff', `Back-off pulling image "${reference}"`);
    tell('Warning', 'Failed', 'Error: ImagePullBackOff');
    const { reason, message } = last.error;
    throw new WaitingError('ImagePullBackOff', `Back-off pulling image "${reference}": ${reason}: ${message}`, wait_ms);
  }

  private async pullNow(
    reference: string,
    credentials: readonly PullCredential[],
    signal: AbortSignal,
  ): Promise<{ readonly image: Image; readonly took_ms: number }> {
    const { clock, pulled } = this.options;
    const began_ms = clock.monotonic();
    await pulled.begin(reference);
    try {
      const credential = await this.pullWithAny(withTag(reference), credentials, signal);
      const image = await this.inspect(reference);
      if (!image) throw new Error('the image was pulled, and is gone again');
      await pulled.end(image.id, reference, credential);
      return { image, took_ms: clock.monotonic() - began_ms };
    } catch (error) {
      await pulled.failed(reference);
      throw error;
    }
  }

  /** The credential that the registry took; undefined: there was none to show. */
  private async pullWithAny(
    reference: string,
    credentials: readonly PullCredential[],
    signal: AbortSignal,
  ): Promise<PullCredential | undefined> {
    const { runtime, log } = this.options;
    if (credentials.length === 0) {
      await runtime.pullImage(reference, undefined, signal);
      return undefined;
    }
    const failures: string[] = [];
    for (const credential of credentials) {
      try {
        await runtime.pullImage(reference, credential.auth, signal);
        return credential;
      } catch (error) {
        if (signal.aborted) throw error;
        log.debug({ reference, registry: credential.auth.serveraddress }, 'a pull with these credentials failed');
        failures.push((error as Error).message);
      }
    }
    const different = [...new Set(failures)];
    throw new Error(different.length === 1 ? different[0] : `[${different.join(', ')}]`);
  }

  /** Events of this container, or of the pod. */
  private teller(pod: Pod, { name }: ImageWish): Tell {
    const path = name === undefined ? undefined : containerPath(pod.spec, name);
    return (type, reason, message) => this.options.events.event(pod, type, reason, message, path);
  }
}

function failed(tell: Tell, reason: string, error: WaitingError): WaitingError {
  tell('Warning', reason, error.message);
  tell('Warning', 'Failed', `Error: ${error.reason}`);
  return error;
}

/** A registry that has trouble of its own is told apart from one that refuses. */
function pullError(reference: string, { message }: Error): { readonly reason: string; readonly message: string } {
  const isUnavailable = /received unexpected HTTP status: 50[234]/.test(message);
  if (!isUnavailable) return { reason: 'ErrImagePull', message };
  return { reason: 'RegistryUnavailable', message: `image pull failed for ${reference} because the registry is unavailable: ${message}` };
}

/** As Go writes a duration in whole milliseconds. */
export function formatSpan(span_ms: number): string {
  const ms = Math.round(span_ms);
  if (ms < 1000) return `${ms}ms`;
  const minutes = Math.floor(ms / 60_000);
  return `${minutes > 0 ? `${minutes}m` : ''}${(ms % 60_000) / 1000}s`;
}
