// IPv4 addresses and ranges as numbers.
export interface Cidr {
  /** The range's first address. */
  readonly base: number;
  /** How many addresses it has. */
  readonly size: number;
}

/** Undefined for what is no dotted IPv4 address. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function ipv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

/** Throws for anything but an IPv4 range such as `10.96.0.0/12`. */
export function parseCidr(text: string): Cidr {
  const [address, bits, ...rest] = text.split('/');
  const base = parseIpv4(address ?? '');
  const length = /^\d{1,2}$/.test(bits ?? '') ? Number(bits) : Number.NaN;
  if (base === undefined || rest.length > 0 || !(length >= 8 && length <= 30)) {
    throw new Error(`${JSON.stringify(text)} is not an IPv4 range such as 10.96.0.0/12, with a length from 8 to 30`);
  }
  const size = 2 ** (32 - length);
  return { base: base - (base % size), size };
}

export const cidrContains = ({ base, size }: Cidr, address: number) => address >= base && address < base + size;
