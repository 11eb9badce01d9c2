// Regular expressions of users: Go's syntax, and matching in time that grows with the text only, whatever the expression.
import { createRequire } from 'node:module';
import type * as Re2 from 're2js';

export class RegexpError extends Error {
  override readonly name = 'RegexpError';
}

export interface Regexp {
  /** Whether any part of `text` matches. */
  matches(text: string): boolean;
  /** The parts that match, from left to right, at most `limit` of them. */
  find(text: string, limit: number): readonly string[];
}

/** Past this many different ones they are forgotten and compiled anew. */
const MAX_REMEMBERED = 4096;
const remembered = new Map<string, Regexp>();

/** Throws RegexpError in Go's words. */
export function compileRegexp(pattern: string): Regexp {
  let known = remembered.get(pattern);
  if (!known) {
    known = compile(pattern);
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(pattern, known);
  }
  return known;
}

function compile(pattern: string): Regexp {
  // Loaded at the first pattern: a cluster without custom resources has none.
  const { RE2JS, RE2JSSyntaxException } = createRequire(import.meta.url)('re2js') as typeof Re2;
  try {
    const compiled = RE2JS.compile(pattern);
    return { matches: (text) => compiled.test(text), find: (text, limit) => parts(compiled.matcher(text), limit) };
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) throw new RegexpError(error.message);
    throw error;
  }
}

function parts(matcher: Re2.Matcher, limit: number): readonly string[] {
  const out: string[] = [];
  while (out.length < limit && matcher.find()) out.push(matcher.group()!);
  return out;
}
