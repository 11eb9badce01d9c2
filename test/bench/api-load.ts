// The load of `npm run bench -- api`: clients that each do one operation after the other, what that costs the server, and the objects.
import type { BenchClient } from './api-client.js';
import { threadsCpu_ms } from './proc.js';

export interface Cost {
  /** Operations in a second. */
  readonly rate: number;
  /** CPU time of the server for each. */
  readonly cpu_ms: number;
}

type Operation = (client: BenchClient) => Promise<unknown>;

/** Each client does `operation` again and again until `duration_ms` have gone by and at least `count` are done in all. */
export async function load(
  pid: number,
  clients: readonly BenchClient[],
  duration_ms: number,
  operation: Operation,
  count = 0,
): Promise<Cost> {
  let [begun, done] = [0, 0];
  const [begun_ms, before_ms] = [performance.now(), threadsCpu_ms(pid)];
  const repeat = async (client: BenchClient) => {
    while (begun < count || performance.now() - begun_ms < duration_ms) {
      begun++;
      await operation(client);
      done++;
    }
  };
  await Promise.all(clients.map(repeat));
  const elapsed_s = (performance.now() - begun_ms) / 1000;
  return { rate: done / elapsed_s, cpu_ms: (threadsCpu_ms(pid) - before_ms) / done };
}

/** Requests that a client has under way when it only fills. */
const FILL_AT_ONCE = 8;

export async function createMany(
  clients: readonly BenchClient[],
  count: number,
  make: (client: BenchClient, i: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const fill = async (client: BenchClient) => {
    while (next < count) await make(client, next++);
  };
  await Promise.all(clients.flatMap((client) => Array.from({ length: FILL_AT_ONCE }, () => fill(client))));
}

export const configMap = (name: string, bytes: number) =>
  Buffer.from(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value: 'v'.repeat(bytes) } }));

/** A pod with so many bytes in it for nothing; what is stored of it besides is some 3.5 KB, managed fields and defaults included. */
export function pod(name: string, filler: number): Buffer {
  const container = {
    name: 'container',
    image: 'registry.example.org/team/application:1.2.3',
    ports: [{ containerPort: 8080, name: 'http' }],
    env: Array.from({ length: 12 }, (_, i) => ({ name: `SETTING_${i}`, value: `value-${i}` })),
    resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '1', memory: '128Mi' } },
    readinessProbe: { httpGet: { path: '/healthz', port: 8080 } },
  };
  return Buffer.from(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: 'bench', tier: 'backend' }, annotations: { filler: 'f'.repeat(filler) } },
      spec: { containers: [container] },
    }),
  );
}
