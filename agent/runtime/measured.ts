// A container runtime that counts what is asked of it, and how long it takes.
import type { Clock } from '../../src/apimachinery/clock.js';
import type { ContainerRuntime } from './runtime.js';

export type OnOperation = (name: string, duration_ms: number, failed: boolean) => void;

export function measuredRuntime(runtime: ContainerRuntime, clock: Clock, onOperation: OnOperation): ContainerRuntime {
  return new Proxy(runtime, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      return (...args: readonly unknown[]): unknown => {
        const started_ms = clock.monotonic();
        const result: unknown = value.apply(target, args);
        if (!(result instanceof Promise)) return result;
        const note = (failed: boolean) => onOperation(operationName(String(property)), clock.monotonic() - started_ms, failed);
        result.then(
          () => note(false),
          () => note(true),
        );
        return result;
      };
    },
  });
}

/** As upstream writes them: `runPodSandbox` is `run_podsandbox`. */
const operationName = (method: string) =>
  method.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace('pod_sandbox', 'podsandbox');
