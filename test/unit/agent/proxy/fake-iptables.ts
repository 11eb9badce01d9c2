// iptables in memory for tests.
import { ExecError } from '../../../../agent/proxy/exec.js';
import type { Iptables, Table } from '../../../../agent/proxy/iptables.js';

/** A kernel that understands what restore input of ours holds. */
export class FakeIptables implements Iptables {
  readonly backend = 'nft';
  readonly inputs: string[] = [];
  failNext = false;
  readonly tables = { nat: new Map<string, string[]>(), filter: new Map<string, string[]>(), mangle: new Map<string, string[]>() };

  constructor() {
    for (const name of ['PREROUTING', 'OUTPUT', 'POSTROUTING']) this.tables.nat.set(name, []);
    for (const name of ['INPUT', 'FORWARD', 'OUTPUT']) this.tables.filter.set(name, []);
  }

  async restore(input: string): Promise<void> {
    this.inputs.push(input);
    if (this.failNext) {
      this.failNext = false;
      throw new ExecError('iptables-restore', [], 4, 'lock held', '');
    }
    let table = this.tables.nat;
    for (const line of input.split('\n')) {
      const name = line.split(' ')[1]!;
      if (line.startsWith('*')) table = this.tables[line.slice(1) as Table];
      else if (line.startsWith(':')) table.set(line.slice(1, line.indexOf(' ')), []);
      else if (line.startsWith('-A ')) table.get(name)!.push(line);
      else if (line.startsWith('-I ')) table.get(name)!.unshift(line.replace('-I', '-A'));
      else if (line.startsWith('-D ')) table.get(name)!.splice(table.get(name)!.indexOf(line.replace('-D', '-A')), 1);
      else if (line.startsWith('-X ')) table.delete(name);
    }
  }

  async save(table: Table): Promise<string> {
    const chains = [...this.tables[table]];
    return [`*${table}`, ...chains.map(([name]) => `:${name} - [0:0]`), ...chains.flatMap(([, lines]) => lines), 'COMMIT', ''].join('\n');
  }

  async saveAll(): Promise<string> {
    return (await Promise.all((['nat', 'filter', 'mangle'] as const).map((table) => this.save(table)))).join('');
  }

  list = async (table: Table, chain: string) => this.tables[table].get(chain);
  chains = (table: Table) => [...this.tables[table].keys()];
  flush(table: Table): void {
    for (const name of this.tables[table].keys()) this.tables[table].set(name, []);
  }
}
