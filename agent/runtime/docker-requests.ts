// The engine client's plain requests by a shorter way: its own renders each as text for a debug log, whether that is on or not, which costs
// more than all the rest of a request.
import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import type Docker from 'dockerode';

interface Context {
  readonly isStream?: boolean;
  readonly hijack?: boolean;
  readonly openStdin?: boolean;
  readonly statusCodes: object;
}

type Callback = (error: unknown, answer: unknown) => void;

/** The parts of the client that its types leave out. */
interface Modem {
  readonly protocol: string;
  buildRequest(options: RequestOptions, context: Context, body: unknown, callback: Callback): void;
  /** Judges the status of an answer. */
  buildPayload(
    error: null,
    isStream: false,
    statusCodes: object,
    openStdin: false,
    request: object,
    response: IncomingMessage,
    body: unknown,
    callback: Callback,
  ): void;
}

/** Where `timeout_ms` is given, that long an engine may say nothing. Streams, and engines behind TLS, go the client's own way. */
export function shortenRequests(docker: Docker, timeout_ms?: number): Docker {
  const modem = docker.modem as unknown as Modem;
  const own = modem.buildRequest.bind(modem);
  modem.buildRequest = (options, context, body, callback) => {
    const isPlain = !context.isStream && !context.hijack && !context.openStdin && (body === undefined || typeof body === 'string');
    if (!isPlain || modem.protocol !== 'http') return own(options, context, body, callback);
    ask(options, body, timeout_ms).then(
      ({ response, answer }) => modem.buildPayload(null, false, context.statusCodes, false, {}, response, answer, callback),
      (error: unknown) => callback(error, null),
    );
  };
  return docker;
}

function ask(options: RequestOptions, body: string | undefined, timeout_ms: number | undefined) {
  return new Promise<{ readonly response: IncomingMessage; readonly answer: unknown }>((resolve, reject) => {
    const asked = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ response, answer: parsed(Buffer.concat(chunks).toString()) }));
    });
    if (timeout_ms !== undefined) asked.setTimeout(timeout_ms, () => asked.destroy(new Error(`no answer for ${timeout_ms} ms`)));
    asked.on('error', reject);
    asked.end(body);
  });
}

/** Errors of some engines are plain text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
