// IPv4 ranges as numbers: cutting a cluster's CIDR into one for each node. Pure.

interface Range {
  readonly first: number;
  readonly last: number;
}

function parseCidr(cidr: string): Range {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr);
  const [a, b, c, d, bits] = (match ?? []).slice(1).map(Number);
  if (!match || [a!, b!, c!, d!].some((part) => part > 255) || bits! > 32) throw new Error(`"${cidr}" is not an IPv4 CIDR`);
  const size = 2 ** (32 - bits!);
  const address = ((a! * 256 + b!) * 256 + c!) * 256 + d!;
  const first = Math.floor(address / size) * size;
  return { first, last: first + size - 1 };
}

function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

/** The /maskSize ranges of `clusterCidr`, lowest first, that overlap none of `taken`. Throws for text that is no CIDR. */
export function* freeCidrs(clusterCidr: string, maskSize: number, taken: readonly string[]): Generator<string, void> {
  const cluster = parseCidr(clusterCidr);
  const used = taken.filter((cidr) => !cidr.includes(':')).map(parseCidr);
  const size = 2 ** (32 - maskSize);
  for (let first = cluster.first; first + size - 1 <= cluster.last; first += size) {
    const last = first + size - 1;
    if (!used.some((range) => range.first <= last && first <= range.last)) yield `${formatAddress(first)}/${maskSize}`;
  }
}
