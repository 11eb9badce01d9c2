// One engine request in the client's lowest form, for what its methods leave out: streamed logs, abortable pings and events.
import type Docker from 'dockerode';
import { toRuntimeError } from './docker-errors.js';

export interface EngineRequest {
  readonly path: string;
  readonly method: 'GET';
  readonly options?: object;
  /** Resolve with the body as a stream instead of the parsed body. */
  readonly isStream?: boolean;
  readonly abortSignal?: AbortSignal;
}

export function dial<T>(docker: Docker, request: EngineRequest): Promise<T> {
  return new Promise((resolve, reject) => {
    docker.modem.dial({ ...request, statusCodes: { 200: true } }, (error: unknown, answer: unknown) =>
      error ? reject(toRuntimeError(error)) : resolve(answer as T),
    );
  });
}
