// The yardstick of area pod: a pause container and a container in its namespaces, started by the docker client on the same engine.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { COMMAND, IMAGE } from './pods.js';

const PAUSE = 'registry.k8s.io/pause:3.10';

const execute = promisify(execFile);

export class DockerPairs {
  private count = 0;

  constructor(private readonly socket: string) {}

  private docker(...args: string[]): Promise<unknown> {
    return execute('docker', ['-H', `unix://${this.socket}`, ...args]);
  }

  /** Milliseconds until `count` pairs started at the same time all run. They are removed afterwards. */
  async run(count: number): Promise<number> {
    const names = Array.from({ length: count }, () => `pair-${this.count++}`);
    const begun = performance.now();
    await Promise.all(names.map((name) => this.runPair(name)));
    const elapsed_ms = performance.now() - begun;
    await this.docker('rm', '-f', ...names.flatMap((name) => [name, `${name}-pause`]));
    return elapsed_ms;
  }

  private async runPair(name: string): Promise<void> {
    const pause = `${name}-pause`;
    await this.docker('run', '-d', '--name', pause, PAUSE);
    await this.docker('run', '-d', '--name', name, '--network', `container:${pause}`, IMAGE, ...COMMAND);
  }
}
