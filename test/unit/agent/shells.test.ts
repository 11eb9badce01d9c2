// Programs run by shells that wait for work: what is given comes through as it is, what they say comes back, and no shell is left to itself.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runInShell, type ShellCommand } from '../../../agent/shells.js';

const run = (program: string, args: readonly string[] = [], more: Partial<ShellCommand> = {}) =>
  runInShell({ program, args, timeout_ms: 10_000, output_max_bytes: 1 << 20, ...more });
const text = fc.string({
  unit: fc.oneof(fc.constantFrom("'", '"', '$', '`', '\\', '\n', ';', '&', ' ', '*', '(', '<'), fc.string({ minLength: 1, maxLength: 1 })),
});
const withoutNul = text.filter((one) => !one.includes('\0'));

describe('a program', () => {
  it('gets its arguments, its environment and its input as they are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(withoutNul, { maxLength: 4 }), withoutNul, withoutNul, async (args, value, stdin) => {
        const { code, stdout, stderr } = await run('sh', ['-c', 'printf "<%s>" "$@"; printf "{%s}" "$SOME_VALUE"; cat', 'sh', ...args], {
          env: { SOME_VALUE: value },
          stdin,
        });
        const end = stdin === '' || stdin.endsWith('\n') ? '' : '\n';
        const words = args.length > 0 ? args.map((arg) => `<${arg}>`).join('') : '<>';
        expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${words}{${value}}${stdin}${end}`, stderr: '' });
      }),
      { numRuns: 60 },
    );
  });

  it.each<[string, string, readonly string[], Partial<ShellCommand>, object]>([
    [
      'tells its exit code and both its outputs',
      'sh',
      ['-c', 'echo out; echo err >&2; exit 3'],
      {},
      { code: 3, stdout: 'out\n', stderr: 'err\n' },
    ],
    ['that a signal ends has 128 and its number', 'sh', ['-c', 'kill -9 $$'], {}, { code: 137 }],
    ['that is not there has 127', 'no-such-program', [], {}, { code: 127 }],
    [
      'that takes too long is ended, and what it has said is there',
      'sh',
      ['-c', 'echo so far; sleep 60'],
      { timeout_ms: 500 },
      { code: 'timeout', stdout: 'so far\n' },
    ],
    ['that says too much is ended', 'yes', [], { output_max_bytes: 10_000 }, { code: 'too much output' }],
    ['need not read its input', 'false', [], { stdin: 'x'.repeat(1_000_000) }, { code: 1 }],
    ['may say a lot', 'seq', ['100000'], {}, { code: 0, stdout: Array.from({ length: 100_000 }, (_, i) => `${i + 1}\n`).join('') }],
  ])('%s', async (_, program, args, more, outcome) => {
    expect(await run(program, args, more)).toMatchObject(outcome);
  });

  it('does not wait for another, and a shell serves one after the other', async () => {
    const shellOf = async (wait: string) => (await run('sh', ['-c', `sleep ${wait}; echo $PPID`])).stdout;
    const [slow, quick] = [shellOf('1'), shellOf('0')];
    expect(await Promise.race([slow.then(() => 'slow'), quick.then(() => 'quick')])).toBe('quick');
    expect(await shellOf('0')).toBe(await quick);
    expect(await slow).not.toBe(await quick);
  });

  it('whose leftovers talk later is not heard in what the next one says', async () => {
    expect(await run('sh', ['-c', '(sleep 0.2; echo late) & echo done'])).toMatchObject({ code: 0, stdout: 'done\n' });
    await run('sleep', ['0.5']);
    for (let i = 0; i < 3; i++) expect((await run('echo', ['next'])).stdout).toBe('next\n');
  });

  it('is refused a NUL, which no argument can hold', async () => {
    await expect(run('echo', ['a\0b'])).rejects.toThrow('NUL');
  });
});
