// Whose an address and port is that several Services claim: the one that has it as its cluster IP, else the oldest. The others are told.
import type { Service } from '../../src/kinds/types/core_v1.js';
import { type ServicePortInfo, serviceInfo } from './service-info.js';

interface Claimant {
  readonly key: string;
  readonly isClusterIp: boolean;
  readonly since: string;
}

/** `10.0.0.1:80/tcp`, to the Service that has it. */
export type TakenAddresses = ReadonlyMap<string, string>;
const NONE: TakenAddresses = new Map();

export const claimOf = (ip: string, { port, protocol }: Pick<ServicePortInfo, 'port' | 'protocol'>) => `${ip}:${port}/${protocol}`;

export class AddressClaims {
  /** By claim, in the order of who comes first. */
  readonly #claimants = new Map<string, readonly Claimant[]>();
  /** By Service. */
  readonly #claims = new Map<string, readonly string[]>();

  /** The Services for which an address has changed hands; `service` absent: it is no more. */
  set(key: string, service: Service | undefined): ReadonlySet<string> {
    const claims = service ? claimsOf(key, service) : new Map<string, Claimant>();
    const concerned = new Set<string>();
    for (const claim of new Set([...(this.#claims.get(key) ?? []), ...claims.keys()])) {
      const before = this.#claimants.get(claim) ?? [];
      const mine = claims.get(claim);
      const now = [...before.filter((other) => other.key !== key), ...(mine ? [mine] : [])].sort(byPrecedence);
      if (now.length > 0) this.#claimants.set(claim, now);
      else this.#claimants.delete(claim);
      if (before[0]?.key !== now[0]?.key) for (const other of now) concerned.add(other.key);
    }
    if (claims.size > 0) this.#claims.set(key, [...claims.keys()]);
    else this.#claims.delete(key);
    return concerned;
  }

  /** What the Service claims and others have. */
  taken(key: string): TakenAddresses {
    const lost = (this.#claims.get(key) ?? []).flatMap((claim) => {
      const owner = this.#claimants.get(claim)![0]!.key;
      return owner === key ? [] : [[claim, owner] as const];
    });
    return lost.length > 0 ? new Map(lost) : NONE;
  }
}

const byPrecedence = (a: Claimant, b: Claimant) =>
  Number(b.isClusterIp) - Number(a.isClusterIp) || (a.since < b.since ? -1 : a.since > b.since ? 1 : a.key < b.key ? -1 : 1);

function claimsOf(key: string, service: Service): ReadonlyMap<string, Claimant> {
  const since = service.metadata.creationTimestamp ?? '';
  const claims = new Map<string, Claimant>();
  for (const port of readablePorts(service)) {
    for (const ip of [...port.externalIps, ...port.loadBalancerIps]) claims.set(claimOf(ip, port), { key, isClusterIp: false, since });
    claims.set(claimOf(port.clusterIp, port), { key, isClusterIp: true, since });
  }
  return claims;
}

/** A Service that cannot be read gets no rules, and is told so where they are made. */
function readablePorts(service: Service): readonly ServicePortInfo[] {
  try {
    return serviceInfo(service).ports;
  } catch {
    return [];
  }
}
