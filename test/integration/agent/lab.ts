// A lab of real network namespaces: a LAN, nodes on it with their bridges, pods behind those; programs in them; all removed at the end.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { rolldown } from 'rolldown';
import { type Exec, ExecError, systemExec } from '../../../agent/proxy/exec.js';

const PREFIX = 'phnet';
const REPO = join(import.meta.dirname, '../../..');

/** Runs programs in a namespace. */
const inside =
  (namespace: string): Exec =>
  (program, args, options) =>
    systemExec('nsenter', [`--net=/run/netns/${namespace}`, program, ...args], options);

/** A program in a namespace that is told what to do by lines of JSON, and says by a line each when it is done. */
export class Worker {
  private nextId = 1;
  private readonly waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  private said = '';
  readonly exited: Promise<void>;

  private constructor(readonly child: ChildProcess) {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const { id, result } = JSON.parse(line) as { id: number; result?: unknown };
      this.waiting.get(id)?.resolve(result);
      this.waiting.delete(id);
    });
    child.stderr!.on('data', (chunk) => {
      this.said += chunk;
    });
    this.exited = new Promise((resolve) => child.on('exit', () => resolve()));
    this.exited.then(() => {
      for (const { reject } of this.waiting.values()) reject(new Error(`worker ended: ${this.said}`));
    });
  }

  static async start(namespace: string, script: string, args: readonly string[]): Promise<Worker> {
    const child = spawn('nsenter', [`--net=/run/netns/${namespace}`, process.execPath, script, ...args], { stdio: 'pipe' });
    const worker = new Worker(child);
    await worker.answer(0);
    return worker;
  }

  /** What it has logged so far. */
  get log(): string {
    return this.said;
  }

  ask(message: object): Promise<unknown> {
    const id = this.nextId++;
    this.child.stdin!.write(`${JSON.stringify({ id, ...message })}\n`);
    return this.answer(id);
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  private answer(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }
}

export class Place {
  readonly exec: Exec;
  constructor(readonly namespace: string) {
    this.exec = inside(namespace);
  }

  /** The body, or `curl exit N`: 7 refused, 28 no answer in time. */
  async curl(url: string, timeout_s = 2): Promise<string> {
    try {
      return await this.exec('curl', ['-sS', '--max-time', String(timeout_s), `http://${url}`]);
    } catch (error) {
      if (error instanceof ExecError && typeof error.code === 'number') return `curl exit ${error.code}`;
      throw error;
    }
  }
}

export class Pod extends Place {
  constructor(
    namespace: string,
    readonly name: string,
    readonly ip: string,
    readonly worker: Worker,
  ) {
    super(namespace);
  }
}

export class Lab {
  private readonly namespaces: string[] = [];
  private readonly workers: Worker[] = [];
  private code: Promise<string> | undefined;

  constructor(private readonly id: string) {}

  /** `PREFIX-PID-ID-NAME`, so that what a killed run left can be told from what a run beside this one uses. */
  private nsName = (name: string) => `${PREFIX}-${process.pid}-${this.id}-${name}`;

  /** A LAN with the address 192.168.77.1: the outside world of its nodes. */
  async lan(): Promise<Place> {
    await removeLeftovers();
    const lan = await this.place('lan');
    await lan.exec('ip', ['link', 'add', 'br0', 'type', 'bridge']);
    await lan.exec('ip', ['addr', 'add', '192.168.77.1/24', 'dev', 'br0']);
    await lan.exec('ip', ['link', 'set', 'br0', 'up']);
    return lan;
  }

  /** A second LAN, 192.168.78.0/24, with the first one's outside world as the router between them. */
  async farLan(lan: Place): Promise<void> {
    await lan.exec('ip', ['link', 'add', 'br1', 'type', 'bridge']);
    await lan.exec('ip', ['addr', 'add', '192.168.78.1/24', 'dev', 'br1']);
    await lan.exec('ip', ['link', 'set', 'br1', 'up']);
    await lan.exec('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
  }

  /** A node with the address 192.168.77.(10+n), on the second LAN 192.168.78.(10+n), and a bridge cni0 for 10.244.n.0/24. */
  async node(n: number, { far = false } = {}): Promise<Place> {
    const node = await this.place(`node${n}`);
    const [net, bridge] = far ? ['192.168.78', 'br1'] : ['192.168.77', 'br0'];
    await this.cable(node, 'eth0', `${net}.${10 + n}/24`, 'lan', bridge, `node${n}`);
    await node.exec('ip', ['link', 'add', 'cni0', 'type', 'bridge']);
    await node.exec('ip', ['addr', 'add', `10.244.${n}.1/24`, 'dev', 'cni0']);
    await node.exec('ip', ['link', 'set', 'cni0', 'up']);
    return node;
  }

  /** A pod on node n, wired as the bridge plugin would, with its servers running. */
  async pod(name: string, n: number, host: number): Promise<Pod> {
    const place = await this.place(name);
    const ip = `10.244.${n}.${host}`;
    await this.cable(place, 'eth0', `${ip}/24`, `node${n}`, 'cni0', name);
    await inside(this.nsName(`node${n}`))('bridge', ['link', 'set', 'dev', name, 'hairpin', 'on']);
    await place.exec('ip', ['route', 'add', 'default', 'via', `10.244.${n}.1`]);
    return new Pod(place.namespace, name, ip, await this.podServer(place, name));
  }

  async podServer(place: Place, name: string): Promise<Worker> {
    return this.worker(place, join(import.meta.dirname, 'pod-server.mjs'), [name]);
  }

  /** The node's network as the agent runs it. */
  async nodeMain(place: Place, args: readonly string[]): Promise<Worker> {
    this.code ??= compile();
    return this.worker(place, join(await this.code, 'node-main.js'), args);
  }

  async close(): Promise<void> {
    for (const worker of this.workers) await worker.kill();
    for (const namespace of this.namespaces) await systemExec('ip', ['netns', 'del', namespace]);
    if (this.code) rmSync(await this.code, { recursive: true, force: true });
  }

  private async worker(place: Place, script: string, args: readonly string[]): Promise<Worker> {
    const worker = await Worker.start(place.namespace, script, args);
    this.workers.push(worker);
    return worker;
  }

  /** A namespace with nothing but its loopback address: what becomes of it is the test's. */
  async place(name: string): Promise<Place> {
    const place = new Place(this.nsName(name));
    await systemExec('ip', ['netns', 'add', place.namespace]);
    this.namespaces.push(place.namespace);
    await place.exec('ip', ['link', 'set', 'lo', 'up']);
    return place;
  }

  private async cable(place: Place, device: string, address: string, to: string, bridge: string, port: string): Promise<void> {
    const other = this.nsName(to);
    await place.exec('ip', ['link', 'add', device, 'type', 'veth', 'peer', 'name', port, 'netns', other]);
    await place.exec('ip', ['addr', 'add', address, 'dev', device]);
    await place.exec('ip', ['link', 'set', device, 'up']);
    await inside(other)('ip', ['link', 'set', port, 'master', bridge, 'up']);
  }
}

/** What runs that were killed left behind; their programs have ended with their input. */
async function removeLeftovers(): Promise<void> {
  const isLeft = (name: string) => {
    const pid = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1];
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  };
  const names = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  for (const name of names.filter(isLeft)) await systemExec('ip', ['netns', 'del', name]);
  for (const name of readdirSync(tmpdir()).filter(isLeft)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
}

/** The node's code as one file of JavaScript in a folder of its own: a child of another namespace cannot use the test runner's loader. */
async function compile(): Promise<string> {
  const out = mkdtempSync(join(tmpdir(), `${PREFIX}-${process.pid}-`));
  const bundle = await rolldown({
    input: join(import.meta.dirname, 'node-main.ts'),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
  });
  await bundle.write({ file: join(out, 'node-main.js'), format: 'esm' });
  await bundle.close();
  symlinkSync(join(REPO, 'node_modules'), join(out, 'node_modules'));
  writeFileSync(join(out, 'package.json'), '{"type":"module"}');
  return out;
}
