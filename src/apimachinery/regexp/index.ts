// Regular expressions of users: Go's syntax, and matching in time that grows with the text only, whatever the expression.

import { Matcher } from './match.js';
import { parseRegexp } from './parse.js';
import { compileProgram } from './program.js';

export { RegexpError } from './parse.js';

export interface Regexp {
  /** Whether any part of `text` matches. */
  matches(text: string): boolean;
}

/** Past this many different ones they are forgotten and compiled anew. */
const MAX_REMEMBERED = 4096;
const remembered = new Map<string, Regexp>();

/** Throws RegexpError in Go's words. */
export function compileRegexp(pattern: string): Regexp {
  let known = remembered.get(pattern);
  if (!known) {
    known = new Matcher(compileProgram(parseRegexp(pattern), pattern));
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(pattern, known);
  }
  return known;
}
