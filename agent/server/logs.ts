// GET /containerLogs/{namespace}/{pod}/{container}: a container's log, as kubectl logs asks for it.
import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../../src/apimachinery/clock.js';
import { badRequest } from '../../src/apimachinery/status.js';
import type { ContainerRuntime, LogOptions } from '../runtime/runtime.js';
import { loggedContainer, type PodLookup } from './find-container.js';
import { type ContainerName, flag } from './query.js';

interface LogQuery {
  readonly options: LogOptions;
  readonly previous: boolean;
  readonly limit_bytes: number | undefined;
}

/** Throws a StatusError of code 400. */
export function parseLogQuery(query: URLSearchParams, now_ms: number): LogQuery {
  const tail = wholeNumber(query, 'tailLines');
  const limit_bytes = wholeNumber(query, 'limitBytes');
  if (limit_bytes === 0) throw badRequest('limitBytes must be greater than 0');
  const since_ms = sinceOf(query, now_ms);
  return {
    options: {
      follow: flag(query, 'follow'),
      timestamps: flag(query, 'timestamps'),
      ...streamOf(query, tail),
      ...(tail === undefined ? {} : { tail }),
      ...(since_ms === undefined ? {} : { since_ms }),
    },
    previous: flag(query, 'previous'),
    limit_bytes,
  };
}

/** As upstream: the lines of one output cannot be counted from the end. */
function streamOf(query: URLSearchParams, tail: number | undefined): Pick<LogOptions, 'stream'> {
  const stream = query.get('stream') ?? '';
  if (stream === '' || stream === 'All') return {};
  if (stream !== 'Stdout' && stream !== 'Stderr') throw badRequest(`stream must be All, Stdout or Stderr, not "${stream}"`);
  if (tail !== undefined) throw badRequest('`tailLines` and specific `stream` are mutually exclusive for now');
  return { stream: stream === 'Stdout' ? 'stdout' : 'stderr' };
}

function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`${name} must be a whole number, not "${text}"`);
  return Number(text);
}

function sinceOf(query: URLSearchParams, now_ms: number): number | undefined {
  const seconds = wholeNumber(query, 'sinceSeconds');
  const time = query.get('sinceTime');
  if (seconds !== undefined && time) throw badRequest('at most one of sinceTime or sinceSeconds may be specified');
  if (seconds === 0) throw badRequest('sinceSeconds must be greater than 0');
  if (seconds !== undefined) return now_ms - seconds * 1000;
  if (!time) return undefined;
  const since_ms = Date.parse(time);
  if (Number.isNaN(since_ms)) throw badRequest(`sinceTime must be a time as in RFC 3339, not "${time}"`);
  return since_ms;
}

export async function serveLogs(
  name: ContainerName,
  query: URLSearchParams,
  response: ServerResponse,
  { lookup, runtime, clock }: { lookup: PodLookup; runtime: ContainerRuntime; clock: Clock },
): Promise<void> {
  const { options, previous, limit_bytes } = parseLogQuery(query, clock.now());
  const container = await loggedContainer(name, previous, lookup, runtime);
  const source = await runtime.logs(container.id, options);
  response.writeHead(200, { 'Content-Type': 'text/plain' });
  response.flushHeaders();
  response.once('close', () => source.destroy());
  try {
    await pipeline(limit_bytes === undefined ? source : firstBytes(source, limit_bytes), response);
  } catch (error) {
    // The client went away.
    if (!response.destroyed && !response.writableEnded) throw error;
  }
}

/** So many bytes; then it lets go of the source. */
async function* firstBytes(source: Readable, limit_bytes: number): AsyncIterable<Buffer> {
  let left = limit_bytes;
  for await (const chunk of source) {
    const part = (chunk as Buffer).subarray(0, left);
    left -= part.length;
    yield part;
    if (left === 0) return;
  }
}
