// Whether a history of concurrent reads and compare-and-swaps of one register is linearizable: some order of the operations, each at
// a moment between its call and its answer, explains every answer.

export type RegisterOp =
  | { readonly kind: 'read'; readonly value: string | undefined }
  /** `ok` undefined: it was never answered, and may have been made until the crash. */
  | { readonly kind: 'swap'; readonly expect: string | undefined; readonly next: string; readonly ok: boolean | undefined };

/** In the order in which it happened. A crash ends every operation that has not been answered. */
export type HistoryEntry =
  | { readonly type: 'call'; readonly id: number; readonly op: RegisterOp }
  | { readonly type: 'answer'; readonly id: number }
  | { readonly type: 'crash' };

/** One way in which things may stand: the register's value, and which of the operations under way are already made. */
interface Config {
  readonly value: string | undefined;
  readonly made: ReadonlySet<number>;
}

/** The index of the first entry that no order explains; undefined: the history is linearizable. */
export function firstContradiction(history: readonly HistoryEntry[]): number | undefined {
  const underWay = new Map<number, RegisterOp>();
  let configs: readonly Config[] = [{ value: undefined, made: new Set() }];
  for (const [index, entry] of history.entries()) {
    if (entry.type === 'call') {
      underWay.set(entry.id, entry.op);
      continue;
    }
    const reached = reachable(configs, underWay);
    if (entry.type === 'crash') {
      underWay.clear();
      configs = distinct(reached.map(({ value }) => ({ value, made: new Set() })));
      continue;
    }
    underWay.delete(entry.id);
    const explained = reached.filter(({ made }) => made.has(entry.id));
    configs = distinct(explained.map(({ value, made }) => ({ value, made: new Set([...made].filter((id) => id !== entry.id)) })));
    if (configs.length === 0) return index;
  }
  return undefined;
}

/** The configurations that making any of the operations under way, in any order, leads to; the given ones too. */
function reachable(from: readonly Config[], underWay: ReadonlyMap<number, RegisterOp>): readonly Config[] {
  const found = new Map(from.map((config) => [text(config), config]));
  // A map's iteration comes to what is added meanwhile.
  for (const { value, made } of found.values()) {
    for (const [id, op] of underWay) {
      if (made.has(id) || !answers(op, value)) continue;
      const next = { value: op.kind === 'swap' && op.expect === value ? op.next : value, made: new Set([...made, id]) };
      if (!found.has(text(next))) found.set(text(next), next);
    }
  }
  return [...found.values()];
}

/** Whether the operation gives its answer when the register holds `value`. */
function answers(op: RegisterOp, value: string | undefined): boolean {
  if (op.kind === 'read') return op.value === value;
  return op.ok === undefined || op.ok === (op.expect === value);
}

const text = ({ value, made }: Config) => `${[...made].sort().join()}:${value}`;
const distinct = (configs: readonly Config[]) => [...new Map(configs.map((config) => [text(config), config])).values()];
