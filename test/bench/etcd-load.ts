// The load of `npm run bench -- etcd`, the same for every store: writers that each put one key after the other, and what that costs.
import type { Backend, Operation, TxnRequest } from '../../src/etcd/backend.js';
import { cpu_ms } from './proc.js';

const VALUE = Buffer.alloc(1024, 'v');
/** Keys that a load writes to where nothing else is asked for: enough that few writers meet. */
const KEYS = 10_000;
/** Goes through any number of keys without an order that a store could profit from: a prime that divides none of them. */
const STRIDE = 7_919;
/** A transaction's limit is 128 operations. */
const FILL_OPERATIONS = 100;
const FILL_WRITERS = 8;

export const keyAt = (i: number) => `/registry/bench/${String(i).padStart(8, '0')}`;

const putting = (...success: readonly Operation[]): TxnRequest => ({ compare: [], success, failure: [] });
const put = (i: number): Operation => ({ type: 'put', key: keyAt(i), value: VALUE });

export interface Cost {
  /** Writes acknowledged in a second. */
  readonly rate: number;
  /** CPU time of a write: of the processes that were named, and of this one. */
  readonly cpu_ms: number;
  readonly ownCpu_ms: number;
}

/** `writers` put values of 1 KiB at the first `keys` keys for `duration_ms`. */
export async function writeLoad(
  backend: Backend,
  writers: number,
  duration_ms: number,
  pids: readonly number[] = [],
  keys = KEYS,
): Promise<Cost> {
  const used_ms = () => pids.map(cpu_ms).reduce((a, b) => a + b, 0);
  let count = 0;
  const [begun_ms, before_ms, own] = [performance.now(), used_ms(), process.cpuUsage()];
  const write = async (writer: number) => {
    for (let i = writer; performance.now() - begun_ms < duration_ms; i += writers) {
      await backend.txn(putting(put((i * STRIDE) % keys)));
      count++;
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  const elapsed_s = (performance.now() - begun_ms) / 1000;
  const { user, system } = process.cpuUsage(own);
  return { rate: count / elapsed_s, cpu_ms: (used_ms() - before_ms) / count, ownCpu_ms: (user + system) / 1000 / count };
}

/** Makes the keys from `from` to before `to`. */
export async function fill(backend: Backend, from: number, to: number): Promise<void> {
  let next = from;
  const write = async () => {
    while (next < to) {
      const first = next;
      next = Math.min(next + FILL_OPERATIONS, to);
      await backend.txn(putting(...Array.from({ length: next - first }, (_, i) => put(first + i))));
    }
  };
  await Promise.all(Array.from({ length: FILL_WRITERS }, write));
}
