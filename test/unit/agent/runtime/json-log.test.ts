// Logs from the engine's files: every line once and in order, whatever is rotated while they are read.
import { appendFileSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jsonFileLog } from '../../../../agent/runtime/json-log.js';
import type { LogOptions } from '../../../../agent/runtime/runtime.js';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'json-log-'));
  path = join(directory, 'id-json.log');
  writeFileSync(path, '');
});
afterEach(() => rmSync(directory, { recursive: true }));

const T0_MS = Date.UTC(2026, 0, 1);
const at = (n: number) => new Date(T0_MS + n * 1000).toISOString();
const record = (log: string, n = 0, stream = 'stdout') => `${JSON.stringify({ log, stream, time: at(n) })}\n`;
const say = (log: string, n = 0, stream = 'stdout') => appendFileSync(path, record(log, n, stream));

/** As the engine does it: the oldest of three goes. */
function rotate(): void {
  for (const n of [1, 0]) {
    const from = n === 0 ? path : `${path}.${n}`;
    if (existsSync(from)) renameSync(from, `${path}.${n + 1}`);
  }
  writeFileSync(path, '');
}

const never = () => new Promise<never>(() => undefined);
async function read(options: Partial<LogOptions> = {}): Promise<string> {
  const stream = await jsonFileLog(path, { follow: false, timestamps: false, ...options }, never);
  return text(stream!);
}

describe('what is there', () => {
  it('is read from the oldest file on', async () => {
    for (const [i, line] of ['a\n', 'b\n', 'c\n'].entries()) {
      say(line, i);
      if (i < 2) rotate();
    }
    expect(await read()).toBe('a\nb\nc\n');
    expect(await read({ tail: 2 })).toBe('b\nc\n');
    expect(await read({ tail: 0 })).toBe('');
    expect(await read({ tail: 9 })).toBe('a\nb\nc\n');
    expect(await read({ since_ms: T0_MS + 1000 })).toBe('b\nc\n');
  });

  it('counts the lines asked for from the end as it was then, whatever is written while they are read', async () => {
    const long = (letter: string) => `${letter.repeat(100_000)}\n`;
    for (const letter of 'abcd') say(long(letter));
    const stream = (await jsonFileLog(path, { follow: false, timestamps: false, tail: 3 }, never))!;
    const lines = await text(
      (async function* () {
        for await (const chunk of stream) {
          say('later\n');
          yield chunk as Buffer;
        }
      })(),
    );
    expect(lines).toBe(long('b') + long('c') + long('d'));
  });

  it('is of one output or both, and a record that is only half there is left out', async () => {
    say('out\n');
    say('err\n', 0, 'stderr');
    appendFileSync(path, 'damaged\n{"log":"half');
    expect(await read()).toBe('out\nerr\n');
    expect(await read({ stream: 'stderr' })).toBe('err\n');
  });

  it('has times of nine digits, once a line', async () => {
    say('be');
    say('gun\n', 1);
    say('next\n', 2);
    expect(await read({ timestamps: true })).toBe(
      '2026-01-01T00:00:00.000000000Z begun\n2026-01-01T00:00:02.000000000Z next\n'.replaceAll('.000000000', '.000000000'),
    );
  });

  it('is nothing where there are no files', async () => {
    expect(await jsonFileLog(join(directory, 'other'), { follow: false, timestamps: false }, never)).toBeUndefined();
  });

  it('has the lines asked for from the end, however they lie in files', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 30 }), fc.nat(35), async (rotations, tail) => {
        for (const file of [path, `${path}.1`, `${path}.2`]) rmSync(file, { force: true });
        writeFileSync(path, '');
        const kept: string[][] = [[]];
        for (const [i, doRotate] of rotations.entries()) {
          if (doRotate) {
            rotate();
            kept.push([]);
          }
          say(`line ${i}\n`);
          kept.at(-1)!.push(`line ${i}\n`);
        }
        const all = kept.slice(-3).flat();
        expect(await read()).toBe(all.join(''));
        expect(await read({ tail })).toBe(tail === 0 ? '' : all.slice(-tail).join(''));
      }),
      { numRuns: 60 },
    );
  });
});

describe('what comes', () => {
  it('is followed across rotations, each line once, until the container ends', async () => {
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    say('line 0\n');
    const stream = await jsonFileLog(path, { follow: true, timestamps: false }, () => ended);
    const all = text(stream!);
    for (let i = 1; i <= 400; i++) {
      say(`line ${i}\n`);
      // Two rotations within a moment, and lines in between that nobody has read yet.
      if (i % 50 === 0) rotate();
      if (i % 50 === 1 && i % 100 === 1) rotate();
      if (i % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    end();
    expect(await all).toBe(Array.from({ length: 401 }, (_, i) => `line ${i}\n`).join(''));
  });

  it('ends with whoever listens', async () => {
    const stream = await jsonFileLog(
      path,
      { follow: true, timestamps: false },
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    );
    say('heard\n');
    for await (const chunk of stream!) {
      expect(String(chunk)).toBe('heard\n');
      break;
    }
    expect(stream!.destroyed).toBe(true);
  });
});
