// A container's last words: its termination message file, or the end of its log where its policy says so.
import type { ContainerRuntime, RuntimeContainer } from '../runtime/runtime.js';
import type { PodDirs } from './pod-dirs.js';

/** Upstream's bounds for a message out of the log. */
const LOG_LINES = 80;
const LOG_MAX_BYTES = 2048;

/** By container ID; each is read once. */
export class TerminationMessages {
  private readonly known = new Map<string, string>();

  constructor(
    private readonly runtime: ContainerRuntime,
    private readonly dirs: PodDirs,
  ) {}

  of({ id }: RuntimeContainer): string | undefined {
    return this.known.get(id) || undefined;
  }

  /** Reads what is new, and forgets what is no longer there. */
  async learn(containers: readonly RuntimeContainer[]): Promise<void> {
    for (const id of this.known.keys()) if (!containers.some((container) => container.id === id)) this.known.delete(id);
    for (const container of containers) {
      if (container.state === 'exited' && !this.known.has(container.id)) this.known.set(container.id, await this.read(container));
    }
  }

  private async read(container: RuntimeContainer): Promise<string> {
    const text = container.terminationMessageFile ? await this.dirs.readMessage(container.terminationMessageFile) : '';
    if (text || container.terminationMessagePolicy === 'File' || container.exitCode === 0 || container.startError !== undefined)
      return text;
    const stream = await this.runtime.logs(container.id, { follow: false, tail: LOG_LINES, timestamps: false });
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).subarray(-LOG_MAX_BYTES).toString('utf8');
  }
}
