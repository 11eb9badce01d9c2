// What stands in for a laptop with Vagrant and virtual machines: vagrant itself with a provider of the tests' own (vagrant/provider.rb),
// whose machines are root folders with namespaces (vagrant/machine.sh), made by mmdebstrap from the packages that this machine can get.
import { createHash } from 'node:crypto';
import { access, copyFile, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type Ran, run } from './lab.js';

/** The release of the Vagrantfile's boxes. */
const SUITE = 'trixie';
/** What a box has beyond the smallest system. */
const BOX_PACKAGES = ['ca-certificates', 'sudo', 'systemd', 'systemd-sysv'];
const BOX_USER_UID = 1000;
const CACHE = '/var/cache/porthole/vagrant';
const CA_BUNDLE = '/etc/ssl/certs/ca-certificates.crt';
/** How this machine reaches a registry; the rest of npm's settings is about the machine itself. */
const NPM_NETWORK_KEYS = ['registry', 'proxy', 'https-proxy', 'noproxy', 'strict-ssl', 'cafile'];

/** Everything that the tests make, and so all that a killed run can leave besides namespaces and cgroups, which are named after it. */
const LAB = '/var/tmp/porthole-vm';
const SCRIPT = resolve('test/e2e/vagrant/machine.sh');
const env = { LAB, VAGRANT_HOME: join(LAB, 'home'), VAGRANT_DOTFILE_PATH: join(LAB, 'dotfiles'), VAGRANT_CHECKPOINT_DISABLE: '1' };

/** Makes an empty lab, without machines. What is left of an earlier run goes first. */
export async function openLab(): Promise<void> {
  await closeLab();
  await mkdir(env.VAGRANT_HOME, { recursive: true });
}

export const closeLab = () => must(machine('sweep'));

/** `vagrant` on the project's Vagrantfile, with a home of its own; it may not write into the checkout. */
export const vagrant = (args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Ran> =>
  run('vagrant', args, { env: { ...env, WORKERS: undefined, ...more } });

/** A verb of machine.sh. */
export const machine = (...args: string[]): Promise<Ran> => run(SCRIPT, args, { env });

/** A program on a machine; rejects where it fails. */
export const on = (name: string, ...command: string[]): Promise<string> => must(machine('exec', name, ...command));

/** The status of an HTTP answer, asked for from the network that the machines are on but as none of them. */
export async function httpFromLaptop(url: string): Promise<number> {
  const script = 'console.log((await fetch(process.argv[1], { signal: AbortSignal.timeout(2000) })).status)';
  return Number(await must(machine('laptop', process.execPath, '--input-type=module', '--eval', script, url)));
}

/** What a unit that boot started has said. */
export const unitLog = (name: string, unit: string): Promise<string> => readFile(join(LAB, name, `${unit}.log`), 'utf8');

/** The socket of a machine's Docker Engine, as this machine sees it. */
export async function dockerSocket(name: string): Promise<string> {
  const pid = (await must(run('pgrep', ['-P', (await readFile(join(LAB, name, 'pid'), 'utf8')).trim()]))).trim();
  return `/proc/${pid}/root/run/docker.sock`;
}

/** Lays out what machines are made of, and makes vagrant take them for its own. */
export async function prepareMachines(): Promise<void> {
  const archive = await boxArchive();
  await mkdir(join(LAB, 'base'), { recursive: true });
  await must(run('tar', ['-C', join(LAB, 'base'), '-xpf', archive]));
  await mkdir(join(CACHE, 'packages'), { recursive: true });
  await symlink(join(CACHE, 'packages'), join(LAB, 'packages'));
  await writeConfig(join(LAB, 'config'));
  const home = `require '${resolve('test/e2e/vagrant/provider.rb')}'\nVagrant.configure('2') { |config| config.vm.communicator = 'lab' }\n`;
  await writeFile(join(env.VAGRANT_HOME, 'Vagrantfile'), home);
}

/** The system that a machine begins with; from the cache where its recipe has not changed. */
async function boxArchive(): Promise<string> {
  const recipe = [
    '--variant=minbase',
    `--include=${BOX_PACKAGES.join(',')}`,
    `--customize-hook=chroot "$1" useradd --create-home --uid ${BOX_USER_UID} vagrant`,
    `--customize-hook=echo 'vagrant ALL=(ALL) NOPASSWD: ALL' >"$1/etc/sudoers.d/vagrant"`,
    ...(await aptSettings()).map((setting) => `--aptopt=${setting}`),
    // A machine that is thrown away needs no fsync after each file.
    '--dpkgopt=force-unsafe-io',
    SUITE,
    '-',
    ...(await mirrors()).map((uri) => `deb ${uri} ${SUITE} main`),
  ];
  const archive = join(CACHE, `box-${createHash('sha256').update(recipe.join('\n')).digest('hex').slice(0, 16)}.tar`);
  if (await exists(archive)) return archive;
  await mkdir(CACHE, { recursive: true });
  for (const name of await readdir(CACHE)) if (name !== 'packages') await rm(join(CACHE, name), { recursive: true });
  const work = join(CACHE, 'build');
  await mkdir(work);
  await must(run('mmdebstrap', recipe.with(recipe.indexOf('-'), join(work, 'box.tar')), { env: { TMPDIR: work } }));
  await rename(join(work, 'box.tar'), archive);
  await rm(work, { recursive: true });
  return archive;
}

/** Where this machine gets Debian's packages from; none where that is not known, and mmdebstrap's own default is taken. */
async function mirrors(): Promise<readonly string[]> {
  const format = '$(ORIGIN)|$(REPO_URI)|$(CODENAME)';
  const lines = (await must(run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']))).split('\n');
  const uris = lines.map((line) => line.split('|')).filter(([origin, , codename]) => origin === 'Debian' && !codename?.includes('-'));
  return [...new Set(uris.map(([, uri]) => uri!))];
}

/** How apt gets to them. */
async function aptSettings(): Promise<readonly string[]> {
  const lines = (await must(run('apt-config', ['dump', '--format', '%F "%v";%n']))).split('\n');
  return lines.filter((line) => /^Acquire::(https?::|Check-|Retries)/.test(line) && !line.endsWith('"";'));
}

/** The files by which a machine reaches what this one reaches. */
async function writeConfig(dir: string): Promise<void> {
  await put(join(dir, 'etc/resolv.conf'), '/etc/resolv.conf');
  if (await exists(CA_BUNDLE)) await put(join(dir, CA_BUNDLE), CA_BUNDLE);
  const npmrc = await npmSettings(dir);
  for (const home of ['root', 'home/vagrant']) {
    await mkdir(join(dir, home), { recursive: true });
    await writeFile(join(dir, home, '.npmrc'), npmrc, { mode: 0o600 });
  }
  await must(run('chown', ['-R', `${BOX_USER_UID}:${BOX_USER_UID}`, join(dir, 'home/vagrant')]));
}

async function npmSettings(dir: string): Promise<string> {
  const settings = JSON.parse(await must(run('npm', ['config', 'list', '--json'], { env: { HOME: userInfo().homedir } })));
  const files = await Promise.all(['globalconfig', 'userconfig'].map((key) => readFile(settings[key], 'utf8').catch(() => '')));
  settings.cafile ??= process.env['NODE_EXTRA_CA_CERTS'];
  if (settings.cafile && !(await exists(join(dir, settings.cafile)))) await put(join(dir, settings.cafile), settings.cafile);
  const lines = NPM_NETWORK_KEYS.filter((key) => settings[key] !== null && settings[key] !== undefined && String(settings[key]) !== '');
  return [...files, ...lines.map((key) => `${key}=${String(settings[key])}`), ''].join('\n');
}

async function put(to: string, from: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

async function must(running: Promise<Ran>): Promise<string> {
  const { code, stdout, stderr } = await running;
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}${stdout}`);
  return stdout;
}
