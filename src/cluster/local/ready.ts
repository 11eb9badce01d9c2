// Waits, by watching the API, for nodes and pods to become what they are to be.
import type { Clock } from '../../apimachinery/clock.js';
import type { Lease } from '../../kinds/types/coordination_v1.js';
import type { Node } from '../../kinds/types/core_v1.js';
import { UserError } from './user-error.js';

/** An informer, of whatever kind. */
export interface Watched {
  onChange(handler: () => void): () => void;
}

/** Resolves to the first defined value of `probe`, asked at each change of the informers' objects. Rejects when time is up. */
export function whenInformed<T>(
  informers: readonly Watched[],
  probe: () => T | undefined,
  options: { readonly clock: Clock; readonly timeout_ms: number; what(): string },
): Promise<T> {
  return new Promise((resolve, reject) => {
    const stops: (() => void)[] = [];
    const finish = (end: () => void) => {
      timer.cancel();
      for (const stop of stops) stop();
      end();
    };
    const timer = options.clock.after(options.timeout_ms, () =>
      finish(() => reject(new UserError(`${options.what()}: not within ${options.timeout_ms / 1000} s`))),
    );
    let done = false;
    const ask = () => {
      const value = done ? undefined : probe();
      if (value === undefined) return;
      done = true;
      // After this turn: `stops` may not be complete yet.
      queueMicrotask(() => finish(() => resolve(value)));
    };
    for (const informer of informers) stops.push(informer.onChange(ask));
  });
}

/**
 * Whether the node is Ready by an agent that runs: a Ready of an earlier run may still be stored, but that run has not renewed
 * the node's lease since `since_ms`.
 */
export function isNodeReady(node: Node | undefined, lease: Lease | undefined, since_ms: number): boolean {
  const ready = node?.status?.conditions?.find((condition) => condition.type === 'Ready');
  return ready?.status === 'True' && Date.parse(lease?.spec?.renewTime ?? '') >= since_ms;
}
