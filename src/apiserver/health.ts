// Health: /livez, /readyz and /healthz, each a list of named checks, and each check a path of its own.
import type { Clock } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import type { Backend } from '../etcd/backend.js';

export interface HealthCheck {
  readonly name: string;
  /** Rejects with the reason if something is wrong. */
  check(): Promise<void> | void;
}

export interface HealthReport {
  readonly healthy: boolean;
  readonly text: string;
}

/** As upstream: a store that takes longer than this to answer is not well. */
const STORE_TIMEOUT_MS = 2000;

interface HealthContext {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A process that answers at all is alive; it is ready once it is listening and its store answers, until it shuts down. */
export class Health {
  readonly #checks: { readonly [endpoint: string]: readonly HealthCheck[] };
  #state: 'starting' | 'ready' | 'stopping' = 'starting';

  constructor(private readonly context: HealthContext) {
    const ping: HealthCheck = { name: 'ping', check() {} };
    const etcd: HealthCheck = { name: 'etcd', check: () => this.#askStore() };
    const started: HealthCheck = { name: 'poststarthook/bootstrap-controller', check: () => this.#refuseWhile('starting') };
    const shutdown: HealthCheck = { name: 'shutdown', check: () => this.#refuseWhile('stopping') };
    this.#checks = { livez: [ping, etcd, started], healthz: [ping, etcd, started], readyz: [ping, etcd, started, shutdown] };
  }

  set state(state: 'ready' | 'stopping') {
    this.#state = state;
  }

  /** Of every check. */
  paths(): readonly string[] {
    return Object.entries(this.#checks).flatMap(([endpoint, checks]) => [
      `/${endpoint}`,
      ...checks.map(({ name }) => `/${endpoint}/${name}`),
    ]);
  }

  /** `path` is `/readyz` or `/readyz/<check>`; undefined for other paths. */
  async report(path: string, query: URLSearchParams): Promise<HealthReport | undefined> {
    const [, endpoint = '', ...rest] = path.split('/');
    const checks = Object.hasOwn(this.#checks, endpoint) ? this.#checks[endpoint]! : undefined;
    const one = rest.join('/');
    if (!checks) return undefined;
    if (!one) return this.#reportAll(endpoint, checks, query);
    const check = checks.find(({ name }) => name === one);
    return check && this.#reportOne(check);
  }

  async #reportAll(endpoint: string, checks: readonly HealthCheck[], query: URLSearchParams): Promise<HealthReport> {
    const excluded = new Set(query.getAll('exclude'));
    const errors = await Promise.all(checks.map((check) => (excluded.has(check.name) ? undefined : this.#run(check))));
    const healthy = errors.every((error) => error === undefined);
    const lines = checks.map(({ name }, i) => {
      if (excluded.delete(name)) return `[+]${name} excluded: ok`;
      return errors[i] === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`;
    });
    if (excluded.size > 0)
      lines.push(`warn: some health checks cannot be excluded: no matches for ${[...excluded].map(quoted).join(', ')}`);
    if (healthy && !query.has('verbose')) return { healthy, text: 'ok' };
    return { healthy, text: `${lines.join('\n')}\n${endpoint} check ${healthy ? 'passed' : 'failed'}\n` };
  }

  async #reportOne(check: HealthCheck): Promise<HealthReport> {
    const error = await this.#run(check);
    return error === undefined ? { healthy: true, text: 'ok' } : { healthy: false, text: `internal server error: ${error}\n` };
  }

  /** Who asks for all may be anybody, so the reason is for the log. */
  async #run({ name, check }: HealthCheck): Promise<string | undefined> {
    try {
      await check();
      return undefined;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.context.log.warn({ check: name, reason }, 'a health check failed');
      return reason;
    }
  }

  async #askStore(): Promise<void> {
    const { backend, clock } = this.context;
    let timer: { cancel(): void } | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = clock.after(STORE_TIMEOUT_MS, () => reject(new Error('the store does not answer')));
    });
    try {
      await Promise.race([backend.range({ key: '/registry/health', keysOnly: true }), late]);
    } finally {
      timer?.cancel();
    }
  }

  #refuseWhile(state: 'starting' | 'stopping'): void {
    if (this.#state === state) throw new Error(state === 'starting' ? 'not finished' : 'process is shutting down');
  }
}

const quoted = (text: string) => JSON.stringify(text);
