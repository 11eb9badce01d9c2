// bin/setup on machines that lack something: what the person is told, what is installed, and that a second run does nothing twice.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const SETUP = resolve(import.meta.dirname, '../../../bin/setup');
const TOOLS = ['sh', 'dirname', 'cat', 'tr', 'stat', 'find', 'sha256sum', 'mkdir', 'touch', 'mv', 'tee', 'env', 'getent', 'rm'];
const SYSTEM = ['dockerd', 'containerd', 'iptables-restore', 'conntrack', 'ip', 'ss', 'nsenter', 'modprobe', 'apparmor_parser'];

let directory: string;
let bin: string;
let checkout: string;

/** A checkout whose bin/setup looks for programs only where this test put them, and says in `calls` what it called. */
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'porthole-setup-'));
  bin = join(directory, 'bin');
  checkout = join(directory, 'checkout');
  for (const path of [
    bin,
    join(checkout, 'bin'),
    join(checkout, 'src'),
    join(checkout, 'agent'),
    join(checkout, 'test'),
    join(checkout, 'tools'),
  ]) {
    mkdirSync(path, { recursive: true });
  }
  const script = readFileSync(SETUP, 'utf8').replace('PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin\n', '');
  writeFileSync(join(checkout, 'bin/setup'), script);
  for (const file of ['package-lock.json', 'tsconfig.json', 'src/a.ts']) writeFileSync(join(checkout, file), '{}');
  for (const tool of TOOLS) symlinkSync(execFileSync('which', [tool], { encoding: 'utf8' }).trim(), join(bin, tool));
  for (const program of SYSTEM) fake(program, '');
  fake('uname', 'echo Linux');
  fake('id', 'echo 0');
  fake('npm', 'mkdir -p node_modules; echo npm "$@" >>calls');
  fakeNode('20.19.0');
});

afterEach(() => rmSync(directory, { recursive: true }));

function fake(name: string, body: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(bin, name), 0o755);
}

const fakeNode = (version: string) =>
  fake('node', `[ "$1" != -p ] || { echo ${version}; exit 0; }\necho node "$@" >>calls\ncase $1 in *bundle.mjs) : >dist/main.js ;; esac`);

const remove = (...names: readonly string[]) => {
  for (const name of names) rmSync(join(bin, name));
};

function setup(...args: readonly string[]): { status: number | null; said: string; printed: string } {
  const run = spawnSync('/bin/sh', [join(checkout, 'bin/setup'), ...args], { encoding: 'utf8', env: { PATH: bin } });
  return { status: run.status, said: run.stderr, printed: run.stdout };
}

/** What a build calls. */
const BUILD = ['node node_modules/typescript/bin/tsc -p .', 'node tools/bundle.mjs', 'node tools/generate-descriptions.mjs'];

function calls(): readonly string[] {
  const text = readFileSync(join(checkout, 'calls'), 'utf8');
  rmSync(join(checkout, 'calls'));
  return text.trim().split('\n');
}

describe('a machine on which this cannot run is told so in one line', () => {
  test.each([
    ['another system', () => fake('uname', 'echo Darwin'), /^porthole: this needs Linux .*on Darwin use a Linux virtual machine\n$/],
    ['no Node', () => remove('node'), /^porthole: Node 20\.19 or newer is needed and there is none: install nodejs\n$/],
    ['an old Node', () => fakeNode('20.18.3'), /^porthole: Node 20\.19 or newer is needed, this is 20\.18\.3: install a newer nodejs\n$/],
    ['a very old Node', () => fakeNode('18.20.1'), /^porthole: Node 20\.19 or newer is needed, this is 18\.20\.1/],
    ['neither root nor sudo', () => fake('id', 'echo 1000'), /^porthole: root is needed .* and there is no sudo: run this as root\n$/],
    ['no apt-get', () => remove('conntrack'), /^porthole: missing: .*conntrack.*no apt-get: install them by its own means\n$/],
  ])('%s', (_, change, message) => {
    change();
    const { status, said } = setup('up');
    expect(said).toMatch(message);
    expect(status).toBe(1);
  });
});

test('--no-install prints the line that installs what is missing, and stops', () => {
  remove('iptables-restore', 'ss');
  fake('apt-get', 'echo apt-get "$@" >>calls');
  const { status, printed } = setup('up', '--nodes', '2', '--no-install');
  expect(printed).toMatch(/^apt-get update && apt-get install -y --no-install-recommends .*iptables iproute2/);
  expect(status).toBe(1);
  expect(() => calls()).toThrow();
});

test('missing packages are installed and named; docker-ce counts as docker.io', () => {
  remove('conntrack');
  fake('apt-get', 'echo apt-get "$@" >>calls');
  const { status, said } = setup('up');
  expect(status).toBe(0);
  expect(said).toMatch(/^porthole: installing system packages: .*conntrack/);
  const [update, install] = calls();
  expect(update).toBe('apt-get update');
  expect(install).toMatch(/^apt-get install -y --no-install-recommends .*conntrack/);
  expect(install).not.toContain('docker.io');
});

test('a second run installs and builds nothing; a changed source is built, a changed lock installed', () => {
  fake('apt-get', '');
  setup('up', '--nodes', '2', 'a b');
  expect(calls()).toEqual(['npm ci', ...BUILD, 'node dist/main.js up --nodes 2 a b']);
  setup('up');
  expect(calls()).toEqual(['node dist/main.js up']);
  const later_s = Date.now() / 1000 + 60;
  utimesSync(join(checkout, 'src/a.ts'), later_s, later_s);
  setup('up');
  expect(calls()).toEqual([...BUILD, 'node dist/main.js up']);
  utimesSync(join(checkout, 'src/a.ts'), 1, 1);
  writeFileSync(join(checkout, 'package-lock.json'), '{"changed":true}');
  utimesSync(join(checkout, 'package-lock.json'), 1, 1);
  setup('up');
  expect(calls()).toContain('npm ci');
});

test('stop and clean use what was built and install nothing', () => {
  fake('apt-get', '');
  setup('up');
  calls();
  remove('dockerd', 'apt-get');
  setup('stop');
  setup('clean', '--cluster', 'x');
  expect(calls()).toEqual(['node dist/main.js down', 'node dist/main.js clean --cluster x']);
});

test('without root, only what needs it is run by sudo', () => {
  fake('id', 'echo 1000');
  fake('apt-get', '');
  fake('sudo', 'echo sudo >>calls; while [ "$1" = env ]; do shift 2; done; "$@"');
  setup('up');
  const sudoAptUpdateAndInstall = calls().filter((call) => call === 'sudo').length;
  setup('up');
  expect(calls()).toEqual(['sudo', 'node dist/main.js up']);
  expect(sudoAptUpdateAndInstall).toBeGreaterThanOrEqual(1);
});
