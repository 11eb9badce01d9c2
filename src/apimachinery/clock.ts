// Time and randomness as they come into the core: nothing else in src/ or agent/ calls Date.now, setTimeout or Math.random.
import { randomBytes } from 'node:crypto';

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall time, milliseconds since 1970. It can jump; never measure with it. */
  now(): number;
  /** Milliseconds on a clock that never goes back: for durations. */
  monotonic(): number;
  /** Calls `fn` once after `delay_ms`; the timer keeps no process alive by itself. */
  after(delay_ms: number, fn: () => void): Timer;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** `length` uniformly random bytes; unpredictable in `systemRandom`, so fit for uids, tokens and keys. */
  bytes(length: number): Uint8Array;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delay_ms, fn) {
    // Node turns a delay past 2^31-1 into 1 ms.
    const timer = setTimeout(fn, Math.min(delay_ms, 0x7fff_ffff));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Keeps the process alive until it is cancelled, for work that may at times wait for nothing but timers. */
export function keepAlive(): Timer {
  const timer = setInterval(() => {}, 0x7fff_ffff);
  return { cancel: () => clearInterval(timer) };
}

/** A call into the kernel for each uid would cost more than all else about it. */
const POOL_BYTES = 4096;

export const systemRandom: Random = {
  next: () => Math.random(),
  bytes: pooledBytes(),
};

function pooledBytes(): Random['bytes'] {
  let pool = Buffer.alloc(0);
  return (length) => {
    if (length > POOL_BYTES / 16) return randomBytes(length);
    if (pool.length < length) pool = randomBytes(POOL_BYTES);
    const out = Uint8Array.from(pool.subarray(0, length));
    // What was given out is nowhere else.
    pool.fill(0, 0, length);
    pool = pool.subarray(length);
    return out;
  };
}

/** Resolves after `delay_ms`, or rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, delay_ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(delay_ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Every write asks for the time of now, most of them in the same second as the one before. */
let latest = { second: Number.NaN, text: '' };

/** RFC 3339 in UTC with whole seconds: metav1.Time's form. */
export function rfc3339(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== latest.second) latest = { second, text: `${new Date(ms).toISOString().slice(0, 19)}Z` };
  return latest.text;
}

/** `2026-01-31`, in UTC. */
export const rfc3339Day = (ms: number): string => rfc3339(ms).slice(0, 10);

/** RFC 3339 in UTC with microseconds: metav1.MicroTime's form. */
export function rfc3339Micro(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}

/** A random (version 4) UUID: object uids. */
export function uuid(random: Random): string {
  const b = Buffer.from(random.bytes(16));
  b[6] = (b[6]! & 0x0f) | 0x40;
  b[8] = (b[8]! & 0x3f) | 0x80;
  const hex = b.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Upstream's alphabet for generated names: no vowels, so no words; no 0, 1, 3, which read as letters. */
const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** `length` random characters for `generateName`. */
export function nameSuffix(random: Random, length = 5): string {
  let out = '';
  for (let i = 0; i < length; i++) out += NAME_ALPHABET[Math.floor(random.next() * NAME_ALPHABET.length)];
  return out;
}
