// The cluster that end-to-end tests share, brought up once by setup.ts with the project's own commands, and the hands to use it.
import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { findKubectl } from '../../src/cluster/local/kubectl.js';
import { layoutOf, type NodeLayout } from '../../src/cluster/local/state.js';

/** Apart from a cluster that a person may have running beside the tests. */
export const layout = layoutOf({ name: 'e2e', subnet: '192.168.242.0/24', nodes: 3, port: 7543 });
/** Short enough for tests of what happens when a node goes silent; upstream's defaults are 40 s and 300 s. */
export const NODE_GRACE_S = 6;
export const TOLERATION_S = 4;
export const UP_FLAGS = ['--cluster', layout.name, '--subnet', layout.subnet, '--port', String(layout.port), '--images', 'auto'];
export const CLUSTER_FLAGS = [
  `--server-arg=--node-monitor-grace-period=${NODE_GRACE_S}s`,
  '--server-arg=--node-monitor-period=1s',
  `--server-arg=--default-not-ready-toleration-seconds=${TOLERATION_S}`,
  `--server-arg=--default-unreachable-toleration-seconds=${TOLERATION_S}`,
  '--agent-arg=--node-lease-renew-interval=1s',
];

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; never rejects for its exit code. */
export function run(
  program: string,
  args: readonly string[],
  options: { input?: string; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      [...args],
      { env: { ...process.env, ...options.env }, cwd: options.cwd, maxBuffer: 64 << 20, timeout: 240_000 },
      (error, stdout, stderr) => resolve({ code: error ? (typeof error.code === 'number' ? error.code : 128) : 0, stdout, stderr }),
    );
    // A program that ends without reading its input is no fault of the test.
    child.stdin?.on('error', () => {}).end(options.input ?? '');
  });
}

let kubectlPath: Promise<string> | undefined;

/** The real kubectl against the shared cluster. */
export async function kubectlRaw(args: readonly string[], input?: string): Promise<Ran> {
  kubectlPath ??= findKubectl();
  return run(await kubectlPath, ['--kubeconfig', layout.kubeconfig, ...args], input === undefined ? {} : { input });
}

/** As `kubectlRaw`, for what must succeed; resolves to what it printed. */
export async function kubectl(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await kubectlRaw(args);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit ${code}: ${stderr}${stdout}`);
  return stdout;
}

export async function apply(manifest: string): Promise<string> {
  const { code, stdout, stderr } = await kubectlRaw(['apply', '-f', '-'], manifest);
  if (code !== 0) throw new Error(`kubectl apply: ${stderr}`);
  return stdout;
}

export async function get<T>(...args: string[]): Promise<T> {
  return JSON.parse(await kubectl('get', ...args, '-o', 'json')) as T;
}

export interface PodView {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
    readonly labels: Record<string, string>;
  };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly conditions?: { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: {
      readonly name: string;
      readonly restartCount: number;
      readonly containerID?: string;
      readonly ready: boolean;
      readonly state: Record<string, { reason?: string; message?: string } | undefined>;
      readonly lastState: Record<string, { reason?: string; exitCode?: number } | undefined>;
    }[];
  };
}

export const pods = async (...args: string[]): Promise<PodView[]> => (await get<{ items: PodView[] }>('pods', ...args)).items;
export const pod = (name: string, namespace = 'default') => get<PodView>('pod', name, '-n', namespace);
export const isReady = (one: PodView) =>
  one.metadata.deletionTimestamp === undefined && one.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true;

/** Asks again until `ask` gives something truthy; rejects with its last answer or error after `timeout_s`. */
export async function eventually<T>(what: string, ask: () => Promise<T> | T, timeout_s = 60, interval_ms = 100): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeout_s * 1000;
  for (;;) {
    let last: unknown;
    try {
      const answer = await ask();
      if (answer) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline)
      throw new Error(`not within ${timeout_s} s: ${what}: ${last instanceof Error ? last.message : JSON.stringify(last)}`);
    await new Promise((resolve) => setTimeout(resolve, interval_ms));
  }
}

/** Waits until exactly `count` pods of a selector are Ready and no others are left. */
export function readyPods(selector: string, count: number, timeout_s = 60): Promise<PodView[]> {
  return eventually(
    `${count} ready pods of ${selector}`,
    async () => {
      const all = await pods('-l', selector);
      return all.length === count && all.every(isReady) ? all : undefined;
    },
    timeout_s,
    200,
  );
}

/** HTTP from this machine: status and body, or rejects. */
export function http(url: string, timeout_ms = 2_000): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent: false, timeout: timeout_ms }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`${url}: no answer in ${timeout_ms} ms`)));
    outgoing.on('error', reject);
    outgoing.end();
  });
}

export const node = (name: string): NodeLayout => layout.nodeList.find((n) => n.name === name)!;

/** The Docker client against one node's engine. */
export const docker = async (nodeName: string, ...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await run('docker', ['-H', `unix://${node(nodeName).dockerSocket}`, ...args]);
  if (code !== 0) throw new Error(`docker ${args.join(' ')} on ${nodeName}: ${stderr}`);
  return stdout.trim();
};

/** A program in the network namespace of a node. */
export const onNode = (nodeName: string, program: string, ...args: string[]) =>
  run('nsenter', [`--net=${node(nodeName).netnsPath}`, program, ...args]);

/** The pid that bin/respawn keeps in `<pidFile>.child`. */
export const childPid = (pidFile: string): number => Number(readFileSync(`${pidFile}.child`, 'utf8'));

/** The project's set-up script, as `npm start`, `npm run stop` and `npm run clean` call it. */
export const setup = (...args: string[]) => run('sh', ['bin/setup', ...args]);

/** Deletes objects without waiting for their end, and does not mind if they are gone. */
export const remove = (...args: string[]) => kubectl('delete', ...args, '--ignore-not-found', '--wait=false');

/** Starts a program and collects its output; `stop` ends it and resolves when it has. */
export function background(program: string, args: readonly string[]): { output(): string; stop(): Promise<void> } {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk) => (text += chunk));
  const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  return {
    output: () => text,
    stop: () => {
      child.kill();
      return exited;
    },
  };
}

export const backgroundKubectl = async (...args: string[]) =>
  background(await (kubectlPath ??= findKubectl()), ['--kubeconfig', layout.kubeconfig, ...args]);
