// The Impersonate-* headers of a request.
import type { IncomingHttpHeaders } from 'node:http';
import { badRequest } from '../../apimachinery/status.js';
import type { Impersonation } from '../exchange.js';

const PREFIX = 'impersonate-';
const EXTRA = `${PREFIX}extra-`;

/** `rawHeaders` are names and values in turn, each header line by itself. Undefined where there is none of them. */
export function impersonationOf(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): Impersonation | undefined {
  if (!hasAny(headers)) return undefined;
  const groups: string[] = [];
  const extra: { [key: string]: string[] } = {};
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [name, value] = [rawHeaders[i]!.toLowerCase(), rawHeaders[i + 1]!];
    if (name === 'impersonate-group') groups.push(value);
    else if (name.startsWith(EXTRA)) (extra[keyOf(name.slice(EXTRA.length))] ??= []).push(value);
  }
  const one = (name: string) => headers[name]?.toString() ?? '';
  return { user: one('impersonate-user'), groups, uid: one('impersonate-uid'), extra };
}

function hasAny(headers: IncomingHttpHeaders): boolean {
  for (const name in headers) if (name.startsWith(PREFIX)) return true;
  return false;
}

/** Keys may hold what a header's name may not, percent-encoded. */
function keyOf(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw badRequest(`the header Impersonate-Extra-${name} is not well formed`);
  }
}
