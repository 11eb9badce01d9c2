// What runs in the namespace of the benchmark of rules: kube-proxy over a number of Services, and a bare iptables-restore of what it wrote.
// Prints one line of JSON.
import { type Exec, systemExec } from '../../agent/proxy/exec.js';
import { type Backend, type Iptables, openIptables } from '../../agent/proxy/iptables.js';
import { startKubeProxy } from '../../agent/proxy/kube-proxy.js';
import { systemClock } from '../../src/apimachinery/clock.js';
import { silentLogger } from '../../src/apimachinery/logger.js';
import { nodes } from '../../src/kinds/core/node.js';
import { services } from '../../src/kinds/core/service.js';
import { endpointSlices } from '../../src/kinds/discovery/endpointslice.js';
import { FakeInformers } from '../unit/agent/fake-informers.js';
import { node, service, slice } from '../unit/agent/objects.js';

export interface RulesFigures {
  /** Each change: until its rules were in the kernel, and what a bare iptables-restore of the same input took right after. */
  readonly inPlace_ms: readonly number[];
  readonly bare_ms: readonly number[];
  /** The agent's own CPU for one change, without that of iptables. */
  readonly cpu_ms: number;
}

const [backend = 'nft', count = '10', changes = '20', nodeIp = ''] = process.argv.slice(2);
/** Longer than the proxy waits between two writes, and than what it does after one. */
const REST_MS = 400;

const informers = new FakeInformers();
informers.set(nodes, node('bench', nodeIp, '10.244.0.0/24'));
const ipOf = (prefix: number, i: number) => `10.${prefix}.${i >> 8}.${i & 255}`;
for (let i = 0; i < Number(count); i++) {
  informers.set(services, service(`svc-${i}`, { clusterIP: ipOf(96, i + 1), ports: [{ name: 'http', protocol: 'TCP', port: 80 }] }));
  setEndpoint(i, 1);
}

function setEndpoint(i: number, version: number): void {
  const ips = [ipOf(244, 2 * i), `10.245.${version & 255}.${i & 255}`];
  const endpoints = ips.map((ip, n) => ({ ip, node: 'bench', pod: `pod-${i}-${n}` }));
  informers.set(endpointSlices, slice(`svc-${i}`, endpoints, [{ name: 'http', protocol: 'TCP', port: 8080 }]));
}

const exec: Exec = systemExec;
const real = await openIptables({ exec, log: silentLogger, backend: backend as Backend });
let onRestore = (_input: string) => {};
const iptables: Iptables = {
  ...real,
  async restore(input) {
    await real.restore(input);
    onRestore(input);
  },
};
const proxy = await startKubeProxy({ informers, nodeName: 'bench', nodeIp, clock: systemClock, log: silentLogger, iptables, exec });
await proxy.whenSynced();

const rest = () => new Promise((resolve) => setTimeout(resolve, REST_MS));
const inPlace_ms: number[] = [];
const bare_ms: number[] = [];
let cpu_us = 0;
for (let change = 1; change <= Number(changes); change++) {
  await rest();
  const cpu = process.cpuUsage();
  const begun = performance.now();
  const written = new Promise<string>((resolve) => {
    onRestore = resolve;
  });
  setEndpoint(0, change + 1);
  const input = await written;
  inPlace_ms.push(performance.now() - begun);
  await rest();
  const { user, system } = process.cpuUsage(cpu);
  cpu_us += user + system;
  const again = performance.now();
  await exec(`iptables-${backend}-restore`, ['--noflush', '-w', '5'], { stdin: input });
  bare_ms.push(performance.now() - again);
}
const figures: RulesFigures = { inPlace_ms, bare_ms, cpu_ms: cpu_us / Number(changes) / 1000 };
process.stdout.write(`${JSON.stringify(figures)}\n`);
process.exit(0);
