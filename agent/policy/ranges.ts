// An ipBlock as ranges that iptables matches one by one: its cidr without what is excepted. Pure.
import { type Cidr, cidrHasCidr, cidrOf, parseCidr } from '../../src/apimachinery/cidr.js';
import type { IPBlock } from '../../src/kinds/types/networking_v1.js';

/** Undefined for a block of another address family. */
export function rangesOf({ cidr, except = [] }: IPBlock): readonly Cidr[] | undefined {
  const whole = parseCidr(cidr);
  if (!whole) return undefined;
  let ranges: readonly Cidr[] = [whole];
  for (const text of except) {
    const hole = parseCidr(text);
    if (hole) ranges = ranges.flatMap((range) => without(range, hole));
  }
  return ranges;
}

/** Halves what the hole lies in until it is left over: at most one range for each bit between the two. */
function without(range: Cidr, hole: Cidr): readonly Cidr[] {
  if (cidrHasCidr(hole, range)) return [];
  if (!cidrHasCidr(range, hole)) return [range];
  const bits = range.bits + 1;
  const low = cidrOf(range.base, bits);
  return [low, cidrOf(range.base + low.size, bits)].flatMap((half) => without(half, hole));
}
