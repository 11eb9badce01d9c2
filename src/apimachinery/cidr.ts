// IPv4 addresses and ranges as numbers.
export interface Cidr {
  /** In its canonical form, host bits zero: `10.96.0.0/12`. */
  readonly text: string;
  /** The first address. */
  readonly base: number;
  readonly bits: number;
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

/** Undefined for what is no IPv4 range. Host bits are cleared. */
export function parseCidr(text: string): Cidr | undefined {
  const [address, length, ...rest] = text.split('/');
  const ip = parseIpv4(address ?? '');
  if (ip === undefined || rest.length > 0 || !/^\d{1,2}$/.test(length ?? '') || Number(length) > 32) return undefined;
  return cidrOf(ip, Number(length));
}

/** As `parseCidr`, for what has to be one: throws otherwise. */
export function requireCidr(text: string): Cidr {
  const cidr = parseCidr(text);
  if (!cidr) throw new Error(`${JSON.stringify(text)} is not an IPv4 range such as 10.96.0.0/12`);
  return cidr;
}

/** The range of `bits` length that `address` lies in. */
export function cidrOf(address: number, bits: number): Cidr {
  const size = 2 ** (32 - bits);
  const base = address - (address % size);
  return { text: `${ipv4(base)}/${bits}`, base, bits, size };
}

export const cidrHasIp = ({ base, size }: Cidr, address: number): boolean => address >= base && address < base + size;

/** Whether all of `inner` lies in `outer`. */
export const cidrHasCidr = (outer: Cidr, inner: Cidr): boolean => inner.bits >= outer.bits && cidrHasIp(outer, inner.base);

export const cidrsOverlap = (a: Cidr, b: Cidr): boolean => cidrHasIp(a, b.base) || cidrHasIp(b, a.base);
