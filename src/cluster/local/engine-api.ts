// The few calls that bringing a cluster up and down needs of a node's Docker Engine, over its Unix socket.
import { createReadStream } from 'node:fs';
import { request } from 'node:http';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** Loading images on a slow disk takes longest. */
const REQUEST_TIMEOUT_MS = 120_000;

export interface EngineImage {
  readonly labels: { readonly [name: string]: string };
}

export interface EngineApi {
  /** False while nothing answers at the socket. */
  ping(): Promise<boolean>;
  /** Undefined where there is no such image. */
  image(reference: string): Promise<EngineImage | undefined>;
  /** Loads an archive as `docker save` makes them. */
  loadImages(archive: string): Promise<void>;
  /** Ids of the running containers. */
  containers(): Promise<readonly string[]>;
  /** Resolves once it has ended; what does not heed its stop signal is killed after the grace period. */
  stopContainer(id: string, grace_s: number): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

export function engineApi(socket: string): EngineApi {
  const call = (method: string, path: string, body?: Readable) => engineRequest(socket, method, path, body);
  return {
    async ping() {
      try {
        return (await call('GET', '/_ping')).status === 200;
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ECONNRESET') return false;
        throw error;
      }
    },
    async image(reference) {
      const answer = await call('GET', `/images/${reference}/json`);
      if (answer.status === 404) return undefined;
      const image = JSON.parse(succeeded('image inspect', answer)) as { Config?: { Labels?: Record<string, string> | null } };
      return { labels: image.Config?.Labels ?? {} };
    },
    async loadImages(archive) {
      const said = succeeded('image load', await call('POST', '/images/load?quiet=1', createReadStream(archive)));
      // A stream of JSON lines under a 200 that was sent before the first layer.
      const failure = said.split('\n').find((line) => line.includes('"errorDetail"'));
      if (failure) throw new Error(`image load: ${failure}`);
    },
    async containers() {
      return (JSON.parse(succeeded('container list', await call('GET', '/containers/json'))) as { Id: string }[]).map(({ Id }) => Id);
    },
    async stopContainer(id, grace_s) {
      const answer = await call('POST', `/containers/${id}/stop?t=${grace_s}`);
      // 304: it has ended by itself; 404: and was removed.
      if (answer.status !== 304 && answer.status !== 404) succeeded('container stop', answer);
    },
  };
}

function succeeded(what: string, answer: Answer): string {
  if (answer.status < 200 || answer.status > 299) throw new Error(`${what}: the engine answered ${answer.status}: ${answer.body.trim()}`);
  return answer.body;
}

function engineRequest(socket: string, method: string, path: string, body?: Readable): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { socketPath: socket, method, path, timeout: REQUEST_TIMEOUT_MS, headers: body ? { 'content-type': 'application/x-tar' } : {} },
      (response) => {
        text(response).then((said) => resolve({ status: response.statusCode ?? 0, body: said }), reject);
      },
    );
    outgoing.on('error', reject);
    outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path}: no answer within ${REQUEST_TIMEOUT_MS / 1000} s`)));
    if (!body) return outgoing.end();
    body.on('error', (error) => outgoing.destroy(error));
    body.pipe(outgoing);
  });
}
