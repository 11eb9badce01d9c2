// What containerd tells of containers before the engine does. Of an end that is a tenth of a second and more: the engine tells of it, and lets
// the container be looked at, only when all has been cleaned up that it had.
import { containerdEvents } from './containerd-events.js';
import type { RuntimeContainer } from './runtime.js';

/** Far more than an engine is busy with at once; past it the oldest is told when the engine tells of it. */
const ENDS_MAX = 1000;

interface End {
  readonly oomKilled: boolean;
  /** Absent: it runs on. */
  readonly exit?: { readonly exitCode: number; readonly finishedAt_ms: number };
}

export class EarlyNews {
  /** By container ID, as what is below. */
  readonly #ends = new Map<string, End>();
  /** Whoever waits for a container's process. */
  readonly #starting = new Map<string, (pid: number) => void>();

  /** Once it is there, before it has begun; never where containerd does not tell. Forgotten when `started` settles. */
  processOf(id: string, started: Promise<unknown>): Promise<number> {
    const forget = () => this.#starting.delete(id);
    started.then(forget, forget);
    return new Promise((resolve) => this.#starting.set(id, resolve));
  }

  /** The IDs of containers as they end. */
  async *follow(containerdSocket: string, signal: AbortSignal): AsyncIterable<string> {
    for await (const event of containerdEvents(containerdSocket, signal)) {
      const { containerId } = event;
      if (event.type === 'create') {
        this.#starting.get(containerId)?.(event.pid);
        continue;
      }
      const oomKilled = event.type === 'oom' || this.#ends.get(containerId)?.oomKilled === true;
      const exit = event.type === 'exit' ? { exit: { exitCode: event.exitCode, finishedAt_ms: event.exitedAt_ms } } : {};
      this.#add(containerId, { oomKilled, ...exit });
      if (event.type === 'exit') yield containerId;
    }
  }

  #add(id: string, end: End): void {
    this.#ends.delete(id);
    this.#ends.set(id, end);
    if (this.#ends.size > ENDS_MAX) this.#ends.delete(this.#ends.keys().next().value!);
  }

  /** It has ended, and the engine may still call it running. */
  hasEnded(id: string): boolean {
    return this.#ends.get(id)?.exit !== undefined;
  }

  /** As it is, by what the engine says of it. */
  applyTo(container: RuntimeContainer): RuntimeContainer {
    const end = this.#ends.get(container.id);
    if (!end) return container;
    if (container.state !== 'running' || (end.exit && end.exit.finishedAt_ms < container.startedAt_ms)) {
      this.#ends.delete(container.id);
      return container;
    }
    return end.exit ? { ...container, ...end.exit, oomKilled: end.oomKilled, state: 'exited' } : container;
  }
}
