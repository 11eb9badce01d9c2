// Programs out of Debian's packages, unpacked once and not installed: no other package's files are in the way, and no service is started.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Whether apt-get can get that version of it; `version` is how the version begins. */
export function debianHas(name: string, version: string): boolean {
  try {
    const lines = execFileSync('apt-cache', ['madison', name], { encoding: 'utf8' }).split('\n');
    return lines.some((line) => line.split('|')[1]?.trim().startsWith(version));
  } catch {
    return false;
  }
}

/** The path of a file of the package. */
export function debianFile(name: string, path: string): string {
  const dir = join(tmpdir(), `porthole-test-debian-${name}`);
  const file = join(dir, path);
  if (existsSync(file)) return file;
  unpack(dir, (fresh) => {
    execFileSync('apt-get', ['download', name], { cwd: fresh, stdio: 'pipe' });
    execFileSync('sh', ['-c', 'dpkg-deb -x *.deb . && rm *.deb'], { cwd: fresh });
  });
  return file;
}

/** Unpacked beside and moved: test files run at the same time, and a killed run must not leave half a binary. */
export function unpack(dir: string, into: (fresh: string) => void): void {
  const fresh = mkdtempSync(`${dir}-`);
  into(fresh);
  try {
    renameSync(fresh, dir);
  } catch {
    // Another test file was faster.
    rmSync(fresh, { recursive: true, force: true });
  }
}
