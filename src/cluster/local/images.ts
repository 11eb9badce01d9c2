// Sees to it that nodes have the images of the demo: pulled as usual where a registry can be reached, else built from the
// distribution's packages and loaded into each engine that lacks them.
import { spawn } from 'node:child_process';
import { request } from 'node:https';
import { basename, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { PROJECT_ROOT } from '../../apimachinery/project-root.js';
import type { EngineApi } from './engine-api.js';
import { UserError } from './user-error.js';

export type ImageSource = 'auto' | 'build' | 'pull';

export const BUILT_IMAGES = ['registry.k8s.io/pause:3.10', 'busybox:1.36', 'nginx:1.27', 'porthole/echo:1'] as const;

/** Put on each image by test/images/build.sh; images from elsewhere do not have it and are left as they are. */
const RECIPE_LABEL = 'porthole.recipe';
/** Where Docker pulls `nginx` from. */
const REGISTRY_URL = 'https://registry-1.docker.io/v2/';
/** A registry that takes longer to say hello would not deliver images in time either. */
const REGISTRY_TIMEOUT_MS = 1_500;
const BUILD_SCRIPT = join(PROJECT_ROOT, 'test/images/build.sh');

export interface BuiltImages {
  readonly archive: string;
  readonly recipe: string;
}

/** What to load, or undefined where Docker is to pull. `progress` gets the build's own lines. */
export async function prepareImages(source: ImageSource, progress: (line: string) => void): Promise<BuiltImages | undefined> {
  if (source === 'pull' || (source === 'auto' && (await registryAnswers()))) return undefined;
  const archive = await buildImages(progress);
  return { archive, recipe: basename(dirname(archive)) };
}

/** Loads the built images where one is absent or of an older recipe. Resolves to whether it had to. */
export async function loadMissingImages(engine: EngineApi, built: BuiltImages): Promise<boolean> {
  const present = await Promise.all(BUILT_IMAGES.map((reference) => engine.image(reference)));
  const missing = present.some((image) => image === undefined || (image.labels[RECIPE_LABEL] ?? built.recipe) !== built.recipe);
  if (missing) await engine.loadImages(built.archive);
  return missing;
}

/** Any HTTP answer will do: without credentials it is a 401. */
function registryAnswers(): Promise<boolean> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(REGISTRY_TIMEOUT_MS);
    const outgoing = request(REGISTRY_URL, { method: 'HEAD', signal }, (response) => {
      response.resume();
      resolve(true);
    });
    // Whatever the reason, Docker could not pull either.
    outgoing.on('error', () => resolve(false));
    outgoing.end();
  });
}

/** The path of the archive; from the cache where nothing has changed. */
async function buildImages(progress: (line: string) => void): Promise<string> {
  const child = spawn('/bin/sh', [BUILD_SCRIPT], { stdio: ['ignore', 'pipe', 'pipe'] });
  let lastLine = '';
  let rest = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      lastLine = line;
      progress(line);
    }
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve(status));
  });
  const [status, said] = await Promise.all([ended, text(child.stdout)]);
  if (status !== 0) throw new UserError(`no registry can be reached and building images failed: ${lastLine || `status ${status}`}`);
  return said.trim();
}
