// Memory of a controller between reconciles, one for each running manager: only for what the API cannot hold.
import type { ReconcileContext } from './define.js';

/** Each manager gives all reconciles the same options object, so that one stands for the run. */
export function perRun<T>(make: () => T): (context: Pick<ReconcileContext, 'options'>) => T {
  const states = new WeakMap<object, T>();
  return ({ options }) => {
    let state = states.get(options);
    if (state === undefined) states.set(options, (state = make()));
    return state;
  };
}
