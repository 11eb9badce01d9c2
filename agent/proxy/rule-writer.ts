// Brings a rule set into the kernel: knows what is there, writes the difference, deletes what is stale, clears UDP flows.
import type { Logger } from '../../src/apimachinery/logger.js';
import { deleteFlows, type StaleFlow, staleFlows } from './conntrack.js';
import { type Exec, ExecError } from './exec.js';
import type { Iptables } from './iptables.js';
import { PROXY, type RuleOwner } from './names.js';
import { deleteInput, foreignBefore, jumpLines, parseSave, restoreInput, splitTables, type TableState, unjumpLines } from './restore.js';
import type { RuleChange } from './rule-book.js';
import type { Chain, Jump, RuleSet, Table } from './rules.js';
import type { UdpPort } from './service-rules.js';

/**
 * Chains in one iptables-restore: about 200 Services of 2 endpoints. nft's time grows with the square of it (26 s at 5,000 Services
 * in one go, 1.4 s in batches); legacy reads and writes the whole table each time, so there one go is best.
 */
const NFT_BATCH_CHAINS = 800;

interface Known {
  /** Table and name of each chain of ours in the kernel, and what we wrote there where it was us. */
  readonly chains: Map<string, Chain | undefined>;
  /** By id. */
  readonly udp: Map<string, UdpPort>;
}

const id = (table: Table, name: string) => `${table} ${name}`;

export class RuleWriter {
  /** Undefined when it has to be read from the kernel: at the start, after an error, after a foreign flush. */
  private known: Known | undefined;
  private jumps: readonly Jump[] = [];
  private writes = 0;
  /** As the last `isIntact` found them: rules of others, with their table, that a packet meets before ours and that may keep it from there. */
  foreignRules: readonly string[] = [];

  constructor(
    private readonly iptables: Iptables,
    private readonly exec: Exec,
    private readonly log: Logger,
    private readonly owner: RuleOwner = PROXY,
  ) {}

  /** Makes the kernel's rules those of `ruleSet`. After a rejection the next call reads and writes everything. */
  async write(ruleSet: RuleSet, udp: readonly UdpPort[]): Promise<void> {
    const before = this.known;
    this.known = undefined;
    this.writes++;
    const found = before ? undefined : await this.read();
    const known: Known = before ?? { chains: chainsOf(found!), udp: new Map() };
    await this.writeChains(ruleSet.chains, known);
    if (found) await this.writeJumps(ruleSet, found);
    this.jumps = ruleSet.jumps;
    await this.clearFlows([...staleFlows([...known.udp.values()], udp), ...flowsOfLostEndpoints(found?.get('nat'), udp)]);
    known.udp.clear();
    for (const port of udp) known.udp.set(port.id, port);
    const wanted = new Set(ruleSet.chains.map(({ table, name }) => id(table, name)));
    await this.deleteChains(
      [...known.chains.keys()].filter((key) => !wanted.has(key)),
      known,
    );
    this.known = known;
  }

  /** Whether `writeChange` can be called: the kernel has what was written last. */
  get knowsKernel(): boolean {
    return this.known !== undefined;
  }

  /** The same as `write`, for whoever knows what has changed since: it costs nothing for what has not. */
  async writeChange({ chains, gone, udpBefore, udpAfter }: RuleChange): Promise<void> {
    const { known } = this;
    if (!known) throw new Error('what is in the kernel is not known: write all of it');
    this.known = undefined;
    this.writes++;
    await this.writeChains(chains, known);
    await this.clearFlows(staleFlows(udpBefore, udpAfter));
    for (const port of udpBefore) known.udp.delete(port.id);
    for (const port of udpAfter) known.udp.set(port.id, port);
    await this.deleteChains(
      gone.map(({ table, name }) => id(table, name)),
      known,
    );
    this.known = known;
  }

  /** The kernel's state is no longer known: the next write is a full one. */
  forget(): void {
    this.known = undefined;
  }

  /** Whether a chain that only a flush would have emptied is still there in each table: little work, with nft. True before the first write. */
  async hasCanaries(): Promise<boolean> {
    const { writes } = this;
    if (!this.known) return true;
    for (const [table, chain] of this.owner.neverEmpty) {
      if (!(await this.iptables.list(table, chain))?.length) return this.writes !== writes;
    }
    return true;
  }

  /**
   * Whether all our jumps are there, and in each of our chains as many rules as we wrote; looks also for what others have put before the
   * jumps. True before the first write, and where something was written meanwhile.
   */
  async isIntact(): Promise<boolean> {
    const { known, writes } = this;
    if (!known) return true;
    const saved = splitTables(await this.iptables.saveAll());
    if (this.writes !== writes) return true;
    const found = new Map(this.owner.tables.map((table) => [table, parseSave(saved.get(table) ?? '', this.owner)]));
    const foreign: string[] = [];
    for (const { table, from } of uniqueJumps(this.jumps)) {
      const lines = found.get(table)!.foreignLines.filter((line) => line.startsWith(`-A ${from} `));
      const wanted = this.jumps.filter((jump) => jump.table === table && jump.from === from);
      if (!wanted.every((jump) => lines.includes(jump.line))) return false;
      foreign.push(...foreignBefore(wanted, lines).map((line) => `${table}: ${line}`));
    }
    this.foreignRules = foreign;
    for (const chain of known.chains.values()) {
      if (chain && found.get(chain.table)?.ourChains.get(chain.name) !== chain.rules.length) return false;
    }
    return true;
  }

  private async read(): Promise<ReadonlyMap<Table, TableState>> {
    const found = new Map<Table, TableState>();
    for (const table of this.owner.tables) found.set(table, parseSave(await this.iptables.save(table), this.owner));
    return found;
  }

  private async writeChains(chains: readonly Chain[], known: Known): Promise<void> {
    const changed = chains.filter(({ table, name, text }) => known.chains.get(id(table, name))?.text !== text);
    for (const batch of this.batches(changed)) {
      await this.iptables.restore(
        restoreInput(this.owner.tables.map((table) => ({ table, chains: batch.filter((c) => c.table === table), lines: [] }))),
      );
    }
    for (const chain of changed) known.chains.set(id(chain.table, chain.name), chain);
  }

  private batches(chains: readonly Chain[]): readonly (readonly Chain[])[] {
    const size = this.iptables.backend === 'nft' ? NFT_BATCH_CHAINS : Math.max(1, chains.length);
    const count = Math.ceil(chains.length / size);
    return Array.from({ length: count }, (_, i) => chains.slice(i * size, (i + 1) * size));
  }

  /** Last, so that no packet meets half a rule set at the first start. */
  private async writeJumps(ruleSet: RuleSet, found: ReadonlyMap<Table, TableState>): Promise<void> {
    const changes = this.owner.tables.map((table) => ({
      table,
      chains: [],
      lines: jumpLines(table, ruleSet.jumps, found.get(table)!.foreignLines),
    }));
    const input = restoreInput(changes);
    if (input) await this.iptables.restore(input);
  }

  private async deleteChains(stale: readonly string[], known: Known): Promise<void> {
    if (stale.length === 0) return;
    const byTable = (table: Table) => stale.filter((key) => key.startsWith(`${table} `)).map((key) => key.slice(table.length + 1));
    const input = this.owner.tables.map((table) => (byTable(table).length ? deleteInput(table, byTable(table)) : '')).join('');
    for (const key of stale) known.chains.delete(key);
    try {
      await this.iptables.restore(input);
    } catch (error) {
      if (!(error instanceof ExecError)) throw error;
      // Nothing of ours leads to them any more, so they do no harm; the next full write tries again.
      this.log.warn(
        { err: error, chains: stale },
        'stale iptables chains could not be deleted: does a foreign rule lead into one of them?',
      );
    }
  }

  private async clearFlows(flows: readonly StaleFlow[]): Promise<void> {
    try {
      await deleteFlows(this.exec, flows);
    } catch (error) {
      if (!(error instanceof ExecError)) throw error;
      this.log.error({ err: error }, 'stale UDP flows could not be deleted: clients may go on sending to endpoints that are gone');
    }
  }
}

function chainsOf(found: ReadonlyMap<Table, TableState>): Map<string, Chain | undefined> {
  return new Map(
    [...found].flatMap(([table, { ourChains }]) => [...ourChains.keys()].map((name) => [id(table, name), undefined] as const)),
  );
}

function uniqueJumps(jumps: readonly Jump[]): readonly { table: Table; from: string }[] {
  return [...new Map(jumps.map(({ table, from }) => [`${table} ${from}`, { table, from }])).values()];
}

/** Endpoints that an earlier run of the agent wrote and that nobody has any more. */
function flowsOfLostEndpoints(nat: TableState | undefined, udp: readonly UdpPort[]): readonly StaleFlow[] {
  if (!nat) return [];
  const current = new Set(udp.flatMap(({ endpoints }) => endpoints.map(({ ip }) => ip)));
  return [...new Set(nat.udpEndpoints.map(({ ip }) => ip))].filter((ip) => !current.has(ip)).map((endpoint) => ({ endpoint }));
}

/** Removes every rule and chain of ours from the namespace, whoever wrote them. */
export async function cleanupRules(iptables: Iptables, owner: RuleOwner = PROXY): Promise<void> {
  for (const table of owner.tables) {
    const { ourChains, foreignLines } = parseSave(await iptables.save(table), owner);
    const lines = unjumpLines(foreignLines, owner);
    if (lines.length > 0) await iptables.restore(restoreInput([{ table, chains: [], lines }]));
    if (ourChains.size > 0) await iptables.restore(deleteInput(table, ourChains.keys()));
  }
}
