// Docker's answers as RuntimeErrors, and the few that are no errors to whoever wants a state, not a change.
import { RuntimeError } from './runtime.js';

interface EngineError {
  readonly statusCode?: number;
  readonly json?: { readonly message?: string };
  readonly message: string;
  readonly code?: string;
}

/** What the client puts before the answer of a request that it streams. */
const DECORATION = /^\(HTTP code \d+\) [^-]*- /;

/** Docker's own message without the client's decoration; 503 where no engine answered. */
export function toRuntimeError(error: unknown): RuntimeError {
  if (error instanceof RuntimeError) return error;
  const e = error as EngineError;
  if (e.statusCode === undefined) {
    return new RuntimeError(503, `cannot connect to the Docker Engine: ${e.message}`);
  }
  return new RuntimeError(e.statusCode, (e.json?.message ?? e.message.replace(DECORATION, '')).trim());
}

/** Rejects with a RuntimeError, or resolves to undefined for the given status codes. */
export async function call<T>(promise: Promise<T>): Promise<T>;
export async function call<T>(promise: Promise<T>, ...fine: readonly number[]): Promise<T | undefined>;
export async function call<T>(promise: Promise<T>, ...fine: readonly number[]): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    const mapped = toRuntimeError(error);
    if (fine.includes(mapped.code)) return undefined;
    throw mapped;
  }
}
