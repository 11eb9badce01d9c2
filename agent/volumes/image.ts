// image: an image's own files, as the engine's layers have them. Nothing of them is copied, so a mount keeps its image from being collected.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Image } from '../runtime/runtime.js';
import { bindMount, isMounted, mountOverlay } from './mount.js';
import { VolumeError } from './volume.js';

const PLUGIN = 'kubernetes.io~image';
/** Below a pod's directory: by the volume's name, the ID of the image that it shows. */
const IMAGES = 'images';
/** Upstream's: what it holds is data. */
const OPTIONS = ['ro', 'noexec'];

const directoryOf = (podDirectory: string, volume: string) => join(podDirectory, 'volumes', PLUGIN, volume);

/** Where it is mounted already: it goes on showing the image that it showed first. */
export async function mountedImage(podDirectory: string, volume: string): Promise<string | undefined> {
  const directory = directoryOf(podDirectory, volume);
  return (await isMounted(directory)) ? directory : undefined;
}

/** Returns where. Rejects with a VolumeError. */
export async function mountImage(podDirectory: string, volume: string, { id, layers = [] }: Image): Promise<string> {
  const directory = directoryOf(podDirectory, volume);
  const [top] = layers;
  if (top === undefined) {
    throw new VolumeError('volume type "image" is not supported by this node: its engine keeps images in another way than overlay2');
  }
  await mkdir(directory, { recursive: true });
  await mkdir(join(podDirectory, IMAGES), { recursive: true });
  await writeFile(join(podDirectory, IMAGES, volume), id);
  // The kernel lays no single layer over nothing.
  if (layers.length === 1) await bindMount(top, directory, OPTIONS);
  else await mountOverlay(dirname(dirname(top)), await Promise.all(layers.map(shortName)), directory, OPTIONS);
  return directory;
}

/** The engine's own for a layer, from the directory that all of them are in. */
async function shortName(layer: string): Promise<string> {
  return join('l', (await readFile(join(dirname(layer), 'link'), 'utf8')).trim());
}

/** IDs of the images that volumes of these pods show. */
export async function imagesMounted(podDirectories: readonly string[]): Promise<ReadonlySet<string>> {
  const noted = await Promise.all(podDirectories.map((directory) => notesIn(join(directory, IMAGES))));
  return new Set(noted.flat());
}

async function notesIn(directory: string): Promise<readonly string[]> {
  try {
    const names = await readdir(directory);
    return await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
  } catch (error) {
    // Most pods have none, and any may go meanwhile.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
