// Continue tokens: where a limited list goes on, and at which revision, so that all its pages show one state.
import { isJsonObject } from '../../apimachinery/json.js';
import { badRequest } from '../../apimachinery/status.js';

export interface ContinueToken {
  /** NEWEST: whatever is there now. */
  readonly revision: number;
  /** The first key of the next page. */
  readonly start: string;
}

const VERSION = 'meta.k8s.io/v1';
/** As upstream's: a list whose state is forgotten may go on in another. */
export const NEWEST = -1;
/** A token holds a key, which holds a namespace and a name of at most 253 characters each. */
const MAX_TOKEN_LENGTH = 2048;

export function encodeContinue({ revision, start }: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: VERSION, rv: revision, start })).toString('base64url');
}

/** Throws 400 for what no list of `prefix` handed out. */
export function decodeContinue(text: string, prefix: string): ContinueToken {
  const token = text.length > MAX_TOKEN_LENGTH ? undefined : parse(text);
  if (!isJsonObject(token)) throw badRequest('invalid continue token: continue key is not valid: it was not made by this server');
  const { v, rv, start } = token;
  if (v !== VERSION)
    throw badRequest(
      `invalid continue token: continue key is not valid: server does not recognize this encoded version ${JSON.stringify(v)}`,
    );
  if (
    typeof rv !== 'number' ||
    !Number.isSafeInteger(rv) ||
    (rv <= 0 && rv !== NEWEST) ||
    typeof start !== 'string' ||
    !start.startsWith(prefix)
  ) {
    throw badRequest('invalid continue token: continue key is not valid: it does not belong to this list');
  }
  return { revision: rv, start };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return undefined;
  }
}
