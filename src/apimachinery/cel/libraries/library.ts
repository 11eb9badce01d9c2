// What a library of functions adds to an environment, and what the libraries share.
import type * as Library from '@marcbachmann/cel-js';

export type Register = (environment: Library.Environment, library: typeof Library) => void;

export const int = (value: number): bigint => BigInt(value);

/** -1, 0 or 1, as comparisons answer. */
export const order = <T>(a: T, b: T): bigint => (a < b ? -1n : a > b ? 1n : 0n);
