// The CEL library, loaded when the first rule is met: most clusters have none, and it would cost every start.
import type * as Library from '@marcbachmann/cel-js';
import { CelEnvironment } from './environment.js';

let loading: Promise<CelEnvironment> | undefined;
let loaded: CelEnvironment | undefined;

/** The environment with everything that Kubernetes adds to CEL, without variables. */
export function loadCel(): Promise<CelEnvironment> {
  loading ??= load();
  return loading;
}

async function load(): Promise<CelEnvironment> {
  const library: typeof Library = await import('@marcbachmann/cel-js');
  loaded = CelEnvironment.base(library);
  return loaded;
}

/** For where nothing can be waited for. Throws if `loadCel` has not been awaited before: a programming error. */
export function loadedCel(): CelEnvironment {
  if (!loaded) throw new Error('cel: the library is not loaded');
  return loaded;
}

export const isCelLoaded = (): boolean => loaded !== undefined;
