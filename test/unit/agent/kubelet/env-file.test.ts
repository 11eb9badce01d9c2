// What a file of variables may look like, and that it is read only where it lies in its volume.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readEnvFile, valueInEnvFile } from '../../../../agent/kubelet/env-file.js';

describe('a variable', () => {
  it.each<[string, string, string | undefined]>([
    ['is what its quotes hold', 'A=\'a = "b" # c\'', 'a = "b" # c'],
    ['may be empty', "A=''\n", ''],
    ['goes over lines', "X='1'\nA='one\n\ntwo'\n", 'one\n\ntwo'],
    ['stands between comments and blank lines', "\n# A='no'\n  \n  A='yes'  \n# the end", 'yes'],
    ['is the last of its name', "A='1'\nA='2'\n", '2'],
    ['has a name of printable characters', "B.c-d='1'\nA='2'\n", '2'],
    ['is missing where another only begins with its name', "AB='1'\n", undefined],
    ['is missing in an empty file', '', undefined],
  ])('%s', (_what, text, value) => expect(valueInEnvFile(text, 'A')).toBe(value));

  it.each(['A=1', 'A="1"', "A = '1'", "A='1", "A='1'2", "export A='1'", "A='it''s'"])('is not %s', (text) => {
    expect(() => valueInEnvFile(`${text}\n`, 'A')).toThrow('no variable in single quotes');
  });
});

describe('the file', () => {
  const volume = mkdtempSync(join(tmpdir(), 'porthole-env-'));
  afterAll(() => rmSync(volume, { recursive: true }));

  it('is followed to where it lies, and not out of its volume', async () => {
    writeFileSync(join(volume, 'real'), "A='1'");
    symlinkSync('real', join(volume, 'link'));
    symlinkSync('/etc/passwd', join(volume, 'out'));
    expect(await readEnvFile(volume, 'link')).toBe("A='1'");
    expect(await readEnvFile(volume, 'none')).toBeUndefined();
    await expect(readEnvFile(volume, 'out')).rejects.toThrow('leads out of the volume');
    await expect(readEnvFile(volume, '.')).rejects.toThrow('is no file');
  });
});
