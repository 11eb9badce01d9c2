// Health: /livez, /readyz and /healthz, each a list of named checks.
import type { Backend } from '../etcd/backend.js';

export interface HealthCheck {
  readonly name: string;
  /** Rejects with the reason if something is wrong. */
  check(): Promise<void>;
}

export interface HealthReport {
  readonly healthy: boolean;
  readonly text: string;
}

/** A process that answers at all is alive; it is ready once it is listening and its store answers. */
export class Health {
  readonly #checks: { readonly [path: string]: readonly HealthCheck[] };
  #ready = false;

  constructor(backend: Backend) {
    const ping: HealthCheck = { name: 'ping', check: async () => {} };
    const etcd: HealthCheck = { name: 'etcd', check: async () => void (await backend.range({ key: '/registry/health', keysOnly: true })) };
    const started: HealthCheck = { name: 'poststarthook/bootstrap', check: async () => this.#checkReady() };
    this.#checks = { livez: [ping, etcd], healthz: [ping, etcd, started], readyz: [ping, etcd, started] };
  }

  set ready(ready: boolean) {
    this.#ready = ready;
  }

  /** `path` is `/readyz` or `/readyz/<check>`; undefined for other paths. */
  async report(path: string, verbose: boolean): Promise<HealthReport | undefined> {
    const [, endpoint = '', ...rest] = path.split('/');
    const all = Object.hasOwn(this.#checks, endpoint) ? this.#checks[endpoint]! : undefined;
    const one = rest.join('/');
    const checks = one ? all?.filter(({ name }) => name === one) : all;
    if (!checks?.length) return undefined;
    const results = await Promise.all(checks.map(run));
    const healthy = results.every(({ error }) => error === undefined);
    if (healthy && !verbose) return { healthy, text: 'ok' };
    const lines = results.map(({ name, error }) => (error === undefined ? `[+]${name} ok` : `[-]${name} failed: ${error}`));
    return { healthy, text: `${lines.join('\n')}\n${endpoint} check ${healthy ? 'passed' : 'failed'}\n` };
  }

  #checkReady(): void {
    if (!this.#ready) throw new Error('not finished');
  }
}

async function run({ name, check }: HealthCheck): Promise<{ name: string; error?: string }> {
  try {
    await check();
    return { name };
  } catch (error) {
    return { name, error: error instanceof Error ? error.message : String(error) };
  }
}
