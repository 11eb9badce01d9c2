// The order of API versions: which of two is the one that clients should prefer.

const VERSION = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/;
const STABILITY = ['alpha', 'beta', undefined];

/**
 * Positive where `a` comes before `b` in preference, as upstream orders them: GA over beta over alpha, higher numbers over lower;
 * names of any other form come last, in alphabetical order.
 */
export function compareVersions(a: string, b: string): number {
  if (a === b) return 0;
  const [x, y] = [VERSION.exec(a), VERSION.exec(b)];
  if (!x || !y) return x ? 1 : y ? -1 : a < b ? 1 : -1;
  const stability = STABILITY.indexOf(x[2]) - STABILITY.indexOf(y[2]);
  return stability || Number(x[1]) - Number(y[1]) || Number(x[3] ?? 0) - Number(y[3] ?? 0);
}
