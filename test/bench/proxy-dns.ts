// Area proxy, the names: what a cached answer costs the server of a core, and how long it takes at 1,000 a second.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { encode } from 'dns-packet';
import { PROJECT_ROOT } from '../../src/apimachinery/project-root.js';
import { threadsCpu_ms } from './proc.js';
import { progress, type Row, row } from './report.js';

const SERVICES = 1_000;
/** Under way at once while it is asked as fast as it answers: what its socket holds without a loss. */
const WINDOW = 64;
const FAST_MS = 4_000;
const PER_SECOND = 1_000;
const STEADY_MS = 5_000;
const WARM_UP = 10_000;
/** 20,000 a second on one core. */
const CPU_GOAL_MS = 1_000 / 20_000;
const P99_GOAL_MS = 1;

/** What pods ask: names of Services, their search lists' misses, the family that there is not, and names outside. */
function queries(): readonly Buffer[] {
  const names: (readonly [string, 'A' | 'AAAA'])[] = [];
  for (let i = 0; i < 50; i++) {
    names.push([`svc-${i * 7}.default.svc.cluster.local`, 'A'], [`svc-${i * 7}.default.svc.cluster.local`, 'AAAA']);
    names.push([`www-${i}.example.com.default.svc.cluster.local`, 'A'], [`www-${i}.example.com`, 'A']);
  }
  return names.map(([name, type]) => encode({ type: 'query', id: 0, flags: 0x0100, questions: [{ name, type }] }));
}

class Client {
  readonly #socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  readonly #queries = queries();
  readonly #sentAt = new Float64Array(0x1_0000);
  #next = 0;
  answered = 0;
  onAnswer: (latency_ms: number) => void = () => {};

  async connect(port: number): Promise<void> {
    this.#socket.on('message', (message) => {
      this.answered++;
      this.onAnswer(performance.now() - this.#sentAt[message.readUInt16BE(0)]!);
    });
    this.#socket.connect(port, '127.0.0.1');
    await once(this.#socket, 'connect');
  }

  ask(): void {
    const id = this.#next++ & 0xffff;
    const query = Buffer.from(this.#queries[this.#next % this.#queries.length]!);
    query.writeUInt16BE(id);
    this.#sentAt[id] = performance.now();
    this.#socket.send(query);
  }

  close(): void {
    this.#socket.close();
  }
}

export async function benchProxyDns(): Promise<readonly Row[]> {
  const server = spawn(process.execPath, [join(PROJECT_ROOT, 'dist/test/bench/proxy-dns-server.js'), String(SERVICES)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const client = new Client();
  try {
    const [port] = (await once(createInterface({ input: server.stdout }), 'line')) as [string];
    await client.connect(Number(port));
    return [...(await fast(client, server.pid!)), ...(await steady(client))];
  } finally {
    client.close();
    server.stdin.end();
    await once(server, 'exit');
  }
}

async function fast(client: Client, pid: number): Promise<readonly Row[]> {
  await asFastAsItAnswers(client, () => client.answered >= WARM_UP);
  const [answered, cpu, begun] = [client.answered, threadsCpu_ms(pid), performance.now()];
  await asFastAsItAnswers(client, () => performance.now() - begun >= FAST_MS);
  const answers = client.answered - answered;
  const cpu_ms = (threadsCpu_ms(pid) - cpu) / answers;
  const rate = Math.round((answers / (performance.now() - begun)) * 1000);
  progress(`names: ${rate} answers a second, ${(cpu_ms * 1000).toFixed(1)} us of CPU each`);
  const yardstick = `${Math.round(1000 / cpu_ms)} a second on one core (20,000 wanted); ${rate} a second beside the client`;
  return [row('names: CPU of a cached answer', cpu_ms, 'ms', { goal: CPU_GOAL_MS, yardstick })];
}

function asFastAsItAnswers(client: Client, isDone: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    let underWay = WINDOW;
    client.onAnswer = () => {
      if (!isDone()) client.ask();
      else if (--underWay === 0) resolve();
    };
    for (let i = 0; i < WINDOW; i++) client.ask();
  });
}

async function steady(client: Client): Promise<readonly Row[]> {
  const latencies: number[] = [];
  client.onAnswer = (latency_ms) => latencies.push(latency_ms);
  const begun = performance.now();
  let asked = 0;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsed = performance.now() - begun;
      // What a late timer has missed is not caught up with in a burst.
      if (asked < (elapsed / 1000) * PER_SECOND) {
        client.ask();
        asked++;
      }
      if (elapsed < STEADY_MS) return;
      clearInterval(timer);
      resolve();
    }, 1000 / PER_SECOND);
  });
  latencies.sort((a, b) => a - b);
  const p99 = latencies[Math.floor(latencies.length * 0.99)]!;
  const yardstick = `${latencies.length} answers to ${asked} questions, median ${latencies[latencies.length >> 1]!.toFixed(2)} ms`;
  return [row(`names: 99th percentile at ${Math.round((asked / STEADY_MS) * 1000)} a second`, p99, 'ms', { goal: P99_GOAL_MS, yardstick })];
}
