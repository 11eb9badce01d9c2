// Images of the Docker Engine: look up, list, pull.
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import type { ImageInspectInfo } from 'dockerode';
import type { Clock } from '../../src/apimachinery/clock.js';
import { call, toRuntimeError } from './docker-errors.js';
import { type Image, type RegistryAuth, RuntimeError } from './runtime.js';

/** As dockershim's --image-pull-progress-deadline: a registry that has gone silent is given up. */
const PROGRESS_DEADLINE_MS = 60_000;

export async function inspectDockerImage(docker: Docker, reference: string): Promise<Image | undefined> {
  const info: ImageInspectInfo | undefined = await call(docker.getImage(reference).inspect(), 404);
  return info && imageFrom(info);
}

function imageFrom(info: ImageInspectInfo): Image {
  return {
    id: info.Id,
    digests: info.RepoDigests ?? [],
    tags: info.RepoTags ?? [],
    user: info.Config?.User ?? '',
    size_bytes: info.Size,
    layers: layersOf(info),
  };
}

/** Only overlay2 says where they are. */
function layersOf({ GraphDriver: driver }: ImageInspectInfo): readonly string[] {
  const { UpperDir: top, LowerDir: below } = (driver?.Name === 'overlay2' ? driver.Data : {}) as { UpperDir?: string; LowerDir?: string };
  return [top, below].flatMap((directories) => directories?.split(':') ?? []);
}

export async function listDockerImages(docker: Docker): Promise<readonly Image[]> {
  const images = await call(docker.listImages());
  return images.map((image) => ({
    id: image.Id,
    digests: image.RepoDigests ?? [],
    tags: image.RepoTags ?? [],
    user: '',
    size_bytes: image.Size,
  }));
}

/** By its ID alone the engine refuses where it has several names. */
export async function removeDockerImage(docker: Docker, { id, tags, digests }: Image): Promise<void> {
  const names = (tags.length > 0 ? tags : digests).filter((name) => !name.includes('<none>'));
  for (const name of names.length > 0 ? names : [id]) await call(docker.getImage(name).remove(), 404);
}

/** The engine answers 200 before it knows; a failure is an object in the stream. */
export async function pullDockerImage(
  docker: Docker,
  reference: string,
  auth: RegistryAuth | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const stalled = new AbortController();
  const startTimer = () => clock.after(PROGRESS_DEADLINE_MS, () => stalled.abort(new Error('no progress')));
  let timer = startTimer();
  const onProgress = () => {
    timer.cancel();
    timer = startTimer();
  };
  const options = { abortSignal: AbortSignal.any([signal, stalled.signal]), ...(auth ? { authconfig: auth } : {}) };
  try {
    const stream = (await call(docker.pull(reference, options))) as Readable;
    await new Promise<void>((resolve, reject) => {
      const onFinished = (error: Error | null) => {
        if (!error) resolve();
        else reject(signal.aborted ? toRuntimeError(error) : new RuntimeError(500, error.message));
      };
      docker.modem.followProgress(stream, onFinished, onProgress);
    });
  } catch (error) {
    if (!stalled.signal.aborted) throw error;
    throw new RuntimeError(504, `cancelled pulling the image because of no progress for ${PROGRESS_DEADLINE_MS / 60_000}m0s`);
  } finally {
    timer.cancel();
  }
}
