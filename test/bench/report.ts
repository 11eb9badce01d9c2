// What a benchmark reports: rows of figures, as a table for people and as they are for programs.
import Table from 'cli-table3';

export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: 'ms' | 's' | 'MB' | '%' | 'x' | '/s';
  /** The value is to be at most this, or at least; null where it is only shown. */
  readonly goal: number | null;
  readonly atLeast: boolean;
  /** What to hold the figure against, measured in the same run unless it says otherwise. */
  readonly yardstick: string | null;
  readonly ok: boolean;
}

interface Against {
  readonly goal?: number;
  /** The goal is a lower bound. */
  readonly atLeast?: boolean;
  readonly yardstick?: string;
}

/** A row whose `ok` follows from value and goal. */
export function row(name: string, value: number, unit: Row['unit'], against: Against = {}): Row {
  const { goal = null, atLeast = false, yardstick = null } = against;
  const ok = goal === null || (atLeast ? value >= goal : value <= goal);
  return { name, value: rounded(value), unit, goal, atLeast, yardstick, ok };
}

export function rowsTable(rows: readonly Row[]): string {
  const table = new Table({ head: ['FIGURE', 'VALUE', 'GOAL', '', 'YARDSTICK'], style: { head: [], border: [] } });
  for (const { name, value, unit, goal, atLeast, yardstick, ok } of rows) {
    const verdict = goal === null ? '' : ok ? 'ok' : 'misses';
    table.push([name, `${value} ${unit}`, goal === null ? '' : `${atLeast ? '>=' : '<='} ${goal} ${unit}`, verdict, yardstick ?? '']);
  }
  return table.toString();
}

/** Three significant digits are more than such measurements carry. */
const rounded = (value: number) => Number(value.toPrecision(3));

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('the median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)]!;
  return sorted.length % 2 === 1 ? upper : (upper + sorted[sorted.length / 2 - 1]!) / 2;
}

export const progress = (line: string) => process.stderr.write(`bench: ${line}\n`);
