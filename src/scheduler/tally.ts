// Sums over all nodes by topology domain, kept from cycle to cycle: only nodes whose state changed are counted anew. Pure.
import { ChangeReader } from './change-log.js';
import type { NodeInfo, Snapshot } from './define.js';

/** Adds to one domain (`eu-1`) of one key (a topology, or a constraint with its own idea of what counts). */
export type Add = (key: string, domain: string, amount: number) => void;

/** What one node adds; must depend on nothing but the NodeInfo and what the tally's signature says. */
export type Count = (info: NodeInfo, add: Add, snapshot: Snapshot) => void;

interface Sum {
  amount: number;
  /** How many additions it is made of: a domain without any is gone. */
  parts: number;
}

export type Domains = ReadonlyMap<string, Readonly<Sum>>;

const NO_DOMAINS: Domains = new Map();

export class Tally {
  readonly #seen: NodeInfo[] = [];
  readonly #changes = new ChangeReader();
  readonly #sums = new Map<string, Map<string, Sum>>();

  constructor(
    private readonly count: Count,
    /** Whether two states of a node count the same; by default none do. */
    private readonly isSame: (before: NodeInfo, now: NodeInfo) => boolean = () => false,
  ) {}

  /** Where it has domains. */
  get keys(): readonly string[] {
    return [...this.#sums.keys()];
  }

  /** Good until the next `update`. */
  domains(key: string): Domains {
    return this.#sums.get(key) ?? NO_DOMAINS;
  }

  update(snapshot: Snapshot): this {
    const { nodes } = snapshot;
    const seen = this.#seen;
    const changed = this.#changes.read(snapshot.changes);
    if (changed) for (const i of changed) this.#look(i, snapshot);
    else for (let i = 0; i < nodes.length; i++) this.#look(i, snapshot);
    while (seen.length > nodes.length) this.count(seen.pop()!, this.#take, snapshot);
    return this;
  }

  #look(i: number, snapshot: Snapshot): void {
    const before = this.#seen[i];
    const now = snapshot.nodes[i]!;
    if (before === now) return;
    this.#seen[i] = now;
    if (before && this.isSame(before, now)) return;
    if (before) this.count(before, this.#take, snapshot);
    this.count(now, this.#give, snapshot);
  }

  #give = (key: string, domain: string, amount: number): void => {
    let domains = this.#sums.get(key);
    if (!domains) this.#sums.set(key, (domains = new Map()));
    const sum = domains.get(domain);
    if (!sum) domains.set(domain, { amount, parts: 1 });
    else {
      sum.amount += amount;
      sum.parts++;
    }
  };

  #take = (key: string, domain: string, amount: number): void => {
    const domains = this.#sums.get(key)!;
    const sum = domains.get(domain)!;
    sum.amount -= amount;
    if (--sum.parts > 0) return;
    domains.delete(domain);
    if (domains.size === 0) this.#sums.delete(key);
  };
}

/** A tally holds a reference for each node (40 KB at 5,000): enough for the workloads that roll out at the same time. */
const TALLIES_MAX = 128;

/** The tallies of a plugin, by what they count; the one that was not asked for longest goes first. */
export class Tallies {
  readonly #known = new Map<string, Tally>();

  /** Up to date with the snapshot. `signature` says all that `count` depends on besides the node; undefined: that cannot be said, so nothing is kept. */
  of(signature: string | undefined, count: Count, snapshot: Snapshot): Tally {
    if (signature === undefined) return new Tally(count).update(snapshot);
    const tally = this.#known.get(signature) ?? new Tally(count);
    // One that fails half-way is not to be used again.
    this.#known.delete(signature);
    tally.update(snapshot);
    this.#known.set(signature, tally);
    if (this.#known.size > TALLIES_MAX) this.#known.delete(this.#known.keys().next().value!);
    return tally;
  }
}

/** By domain of one key; none is 0. */
export class DomainSums {
  constructor(
    private readonly domains: Domains,
    private readonly changes: ReadonlyMap<string, number> | undefined,
  ) {}

  get(domain: string): number {
    const sum = this.domains.get(domain);
    const amount = sum === undefined ? 0 : sum.amount;
    return this.changes === undefined ? amount : amount + (this.changes.get(domain) ?? 0);
  }
}

/** A tally's sums with changes on top, which leave the tally itself as it is: what would be if a pod came or went. */
export class Sums {
  constructor(
    private readonly tally: Tally,
    private readonly changes: ReadonlyMap<string, ReadonlyMap<string, number>> = new Map(),
  ) {}

  get keys(): readonly string[] {
    return [...new Set([...this.tally.keys, ...this.changes.keys()])];
  }

  get(key: string, domain: string): number {
    return this.of(key).get(domain);
  }

  /** Good until the tally's next `update`. */
  of(key: string): DomainSums {
    return new DomainSums(this.tally.domains(key), this.changes.get(key));
  }

  /** Nothing counts anywhere. */
  get empty(): boolean {
    for (const key of this.keys) {
      for (const domain of this.tally.domains(key).keys()) if (this.get(key, domain) !== 0) return false;
      for (const domain of this.changes.get(key)?.keys() ?? []) if (this.get(key, domain) !== 0) return false;
    }
    return true;
  }

  /** `sign` times what `add` is called with comes on top. */
  with(sign: 1 | -1, count: (add: Add) => void): Sums {
    let changes: Map<string, ReadonlyMap<string, number>> | undefined;
    count((key, domain, amount) => {
      changes ??= new Map(this.changes);
      const of = new Map(changes.get(key));
      changes.set(key, of.set(domain, (of.get(domain) ?? 0) + sign * amount));
    });
    return changes ? new Sums(this.tally, changes) : this;
  }
}
