// etcd's HTTP endpoints beside gRPC: health, version and metrics, for probes and for Prometheus.
import { ETCD_VERSION } from '../mvcc.js';
import type { ServiceContext } from './context.js';
import type { GrpcServer } from './grpc-server.js';
import { STATUS } from './status.js';

export interface HttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain; charset=utf-8';
/** Prometheus' text format. */
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export class HttpEndpoints {
  constructor(
    private readonly context: ServiceContext,
    /** Absent until a client has spoken gRPC. */
    private readonly grpc: () => GrpcServer | undefined,
  ) {}

  async answer(method: string, url: string): Promise<HttpAnswer> {
    const path = url.split('?')[0];
    if (path === '/health' || path === '/livez' || path === '/readyz' || path === '/version' || path === '/metrics') {
      if (method !== 'GET' && method !== 'HEAD') return { status: 405, type: TEXT_TYPE, body: 'Method Not Allowed\n' };
    }
    switch (path) {
      case '/health':
        return this.#health();
      case '/livez':
      case '/readyz': {
        const { status, body } = await this.#health();
        return { status, type: TEXT_TYPE, body: status === 200 ? 'ok\n' : body };
      }
      case '/version':
        return { status: 200, type: JSON_TYPE, body: JSON.stringify({ etcdserver: ETCD_VERSION, etcdcluster: ETCD_VERSION }) };
      case '/metrics':
        return { status: 200, type: METRICS_TYPE, body: await this.#metrics() };
      default:
        return { status: 404, type: TEXT_TYPE, body: '404 page not found\n' };
    }
  }

  /** Healthy is who can be read. */
  async #health(): Promise<HttpAnswer> {
    try {
      await this.context.backend.range({ key: 'health' });
      return { status: 200, type: JSON_TYPE, body: JSON.stringify({ health: 'true', reason: '' }) };
    } catch (error) {
      return { status: 503, type: JSON_TYPE, body: JSON.stringify({ health: 'false', reason: (error as Error).message }) };
    }
  }

  async #metrics(): Promise<string> {
    const { backend, clock } = this.context;
    const status = await backend.status();
    const { user, system } = process.cpuUsage();
    const lines: string[] = [];
    const add = (type: 'gauge' | 'counter', name: string, help: string, samples: readonly (readonly [labels: string, value: number])[]) => {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map(([labels, value]) => `${name}${labels} ${value}`));
    };
    const gauge = (name: string, help: string, value: number) => add('gauge', name, help, [['', value]]);
    gauge('etcd_server_has_leader', 'Whether there is a leader: a single member is its own.', 1);
    gauge('etcd_server_is_leader', 'Whether this member is the leader.', 1);
    add('gauge', 'etcd_server_version', 'The etcd version whose API is served.', [[`{server_version="${ETCD_VERSION}"}`, 1]]);
    gauge('etcd_mvcc_db_total_size_in_bytes', 'Bytes of the database on disk.', status.dbSize_bytes);
    gauge('etcd_mvcc_db_total_size_in_use_in_bytes', 'Bytes of the database on disk that are in use.', status.dbSize_bytes);
    gauge('etcd_debugging_mvcc_current_revision', 'The revision of the store.', status.revision);
    gauge('etcd_debugging_mvcc_compact_revision', 'The revision up to which history has been removed.', status.compactedRevision);
    add('counter', 'grpc_server_handled_total', 'Calls that have ended, by method and code.', this.#handled());
    add('counter', 'process_cpu_seconds_total', 'CPU time used, in seconds.', [['', (user + system) / 1e6]]);
    gauge('process_resident_memory_bytes', 'Memory in use.', process.memoryUsage.rss());
    gauge('process_start_time_seconds', 'When this process began, in seconds since 1970.', clock.now() / 1000 - process.uptime());
    return `${lines.join('\n')}\n`;
  }

  #handled(): readonly (readonly [string, number])[] {
    const samples: [string, number][] = [];
    for (const { service, name, definition, handled } of this.grpc()?.handled() ?? []) {
      const type = definition.requestStream ? 'bidi_stream' : definition.responseStream ? 'server_stream' : 'unary';
      for (const [code, calls] of handled) {
        const labels = `grpc_code="${codeName(code)}",grpc_method="${name}",grpc_service="${service}",grpc_type="${type}"`;
        samples.push([`{${labels}}`, calls]);
      }
    }
    return samples;
  }
}

/** As Go writes them: InvalidArgument; only OK is as it is. */
function codeName(code: number): string {
  const name = Object.entries(STATUS).find(([, value]) => value === code)?.[0] ?? String(code);
  return name === 'OK' ? name : name.replace(/_?([A-Z])([A-Z]*)/g, (_, first: string, rest: string) => first + rest.toLowerCase());
}
