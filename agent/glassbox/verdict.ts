// What the rules for network policies that are in the kernel do with the first packet of a connection. Pure.
import { cidrHasIp, parseCidr, parseIpv4 } from '../../src/apimachinery/cidr.js';
import type { Verdict } from '../../src/client/proxyz.js';
import { type Chains, type Option, optionsOf } from './lines.js';

export interface Packet {
  readonly source: string;
  readonly destination: string;
  /** `tcp`, as iptables says it. */
  readonly protocol: string;
  readonly port: number;
  /** Where it went before a Service's address was translated. */
  readonly original?: { readonly address: string; readonly port: number };
}

/** Follows the packet from `chain` on. Rules that ask for what a packet does not tell are taken not to match. */
export function verdict(chains: Chains, chain: string, packet: Packet): Verdict {
  const by: string[] = [];
  return { allowed: follow(chains, chain, packet, by) !== 'dropped', by };
}

/** Undefined: the packet goes back to where it came from. */
function follow(chains: Chains, chain: string, packet: Packet, by: string[]): 'accepted' | 'dropped' | undefined {
  for (const line of chains.get(chain) ?? []) {
    const options = optionsOf(line.tokens);
    if (!options.every((option) => holds(option, packet))) continue;
    const target = options.find(({ name }) => name === '-j')?.values[0] ?? '';
    if (chains.has(target)) {
      const end = follow(chains, target, packet, by);
      if (end) return end;
      continue;
    }
    by.push(line.comment);
    if (target === 'DROP' || target === 'REJECT') return 'dropped';
    if (target === 'ACCEPT') return 'accepted';
    if (target === 'RETURN') return undefined;
  }
  return undefined;
}

function holds({ name, negated, values: [value = ''] }: Option, packet: Packet): boolean {
  const found = test(name, value, packet);
  return found === undefined || found !== negated;
}

/** Undefined for options that are no conditions. */
function test(name: string, value: string, { source, destination, protocol, port, original }: Packet): boolean | undefined {
  switch (name) {
    case '-m':
    case '--comment':
    case '-j':
      return undefined;
    case '-s':
      return isIn(source, value);
    case '-d':
      return isIn(destination, value);
    case '-p':
      return protocol === value;
    case '--dport':
    case '--dports':
      return value.split(',').some((range) => isPortIn(port, range));
    case '--ctstate':
      return value.split(',').includes('NEW');
    case '--ctorigdst':
      return isIn(original?.address ?? destination, value);
    case '--ctorigdstport':
      return isPortIn(original?.port ?? port, value);
    default:
      return false;
  }
}

function isIn(address: string, range: string): boolean {
  const ip = parseIpv4(address);
  const cidr = parseCidr(range.includes('/') ? range : `${range}/32`);
  return ip !== undefined && cidr !== undefined && cidrHasIp(cidr, ip);
}

function isPortIn(port: number, range: string): boolean {
  const [from = 0, to = from] = range.split(':').map(Number);
  return port >= from && port <= to;
}
