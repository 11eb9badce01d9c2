// Health check node ports: load balancers ask there by HTTP whether this node has ready endpoints of a Service whose outside traffic
// stays on its node.
import { createServer, type Server } from 'node:http';
import { cidrHasIp, parseCidr, parseIpv4 } from '../../src/apimachinery/cidr.js';
import type { HealthCheck } from './service-rules.js';

export interface HealthChecksOptions {
  /** Ranges of the node's addresses at which it is answered; empty: all. */
  readonly nodePortAddresses: readonly string[];
  /** Whether the rules are kept right: a node whose rules are stale must get no traffic. */
  isHealthy(): boolean;
  /** A port that cannot be listened on; undefined: it can again. */
  onProblem(key: string, message: string | undefined): void;
}

interface Listening {
  check: HealthCheck;
  readonly server: Server;
  failed: boolean;
}

/** Load balancers ask every few seconds, each from a handful of places. */
const CONNECTIONS_MAX = 200;
const REQUEST_TIMEOUT_MS = 10_000;

export class HealthChecks {
  readonly #listening = new Map<string, Listening>();
  readonly #ranges: readonly string[];

  constructor(private readonly options: HealthChecksOptions) {
    this.#ranges = options.nodePortAddresses;
  }

  /** What is to be answered for the Service; undefined: nothing any more. */
  set(key: string, check: HealthCheck | undefined): void {
    const known = this.#listening.get(key);
    if (known && check?.port === known.check.port) known.check = check;
    else {
      if (known) this.#end(key, known);
      if (check) this.#begin(key, check);
    }
  }

  /** Tries again what could not be listened on. */
  retry(): void {
    for (const [key, { check, failed }] of this.#listening) {
      if (failed) this.#begin(key, check);
    }
  }

  close(): void {
    for (const [key, listening] of this.#listening) this.#end(key, listening);
  }

  #begin(key: string, check: HealthCheck): void {
    const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS });
    const listening: Listening = { check, server, failed: false };
    server.maxConnections = CONNECTIONS_MAX;
    server.on('connection', (socket) => {
      if (!this.#isServedAt(socket.localAddress ?? '')) socket.destroy();
    });
    server.on('request', (request, response) => {
      request.resume();
      const { localEndpoints } = listening.check;
      const healthy = this.options.isHealthy();
      response.writeHead(localEndpoints > 0 && healthy ? 200 : 503, {
        'Content-Type': 'application/json',
        'X-Content-Type-Options': 'nosniff',
        'X-Load-Balancing-Endpoint-Weight': String(localEndpoints),
      });
      response.end(answer(key, localEndpoints, healthy));
    });
    server.on('error', (error: NodeJS.ErrnoException) => {
      listening.failed = true;
      this.options.onProblem(key, `failed to start healthcheck on port ${check.port}: ${error.message}`);
    });
    server.on('listening', () => this.options.onProblem(key, undefined));
    server.listen(check.port, '0.0.0.0');
    this.#listening.set(key, listening);
  }

  #end(key: string, { server }: Listening): void {
    server.close();
    server.closeAllConnections();
    this.#listening.delete(key);
    this.options.onProblem(key, undefined);
  }

  #isServedAt(address: string): boolean {
    const ip = parseIpv4(address);
    return this.#ranges.length === 0 || (ip !== undefined && this.#ranges.some((range) => cidrHasIp(parseCidr(range)!, ip)));
  }
}

/** Upstream's shape. */
function answer(key: string, localEndpoints: number, healthy: boolean): string {
  const [namespace, name] = key.split('/', 2);
  return `${JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy: healthy }, null, '\t')}\n`;
}
