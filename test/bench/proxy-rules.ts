// Area proxy, the rules: from a changed endpoint to its rules in the kernel, and the agent's CPU for it, in both backends.
import { join } from 'node:path';
import { systemExec } from '../../agent/proxy/exec.js';
import { PROJECT_ROOT } from '../../src/apimachinery/project-root.js';
import type { RulesFigures } from './proxy-node.js';
import { median, progress, type Row, row } from './report.js';

const BACKENDS = ['nft', 'legacy'] as const;
const FEW = 10;
const SERVICES = [FEW, 1_000, 5_000];
const CHANGES = 15;
const NODE_IP = '192.168.248.10';
/** Of a bare iptables-restore of the same chains. */
const IN_PLACE_GOAL = 1.5;
/** From few Services to the most. */
const CPU_GROWTH_GOAL = 2;
/** Loading 5,000 Services included. */
const TIMEOUT_MS = 180_000;
const KNOWN = 'known: Kubernetes 1.20 90 ms at 10, 735 ms at 1,000, 0.05 and 0.60 s of CPU';

export async function benchProxyRules(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const backend of BACKENDS) {
    let fewCpu_ms = 0;
    for (const count of SERVICES) {
      const figures = await measure(backend, count);
      const inPlace = median(figures.inPlace_ms);
      const bare = median(figures.bare_ms);
      progress(
        `${backend}, ${count} Services: in place ${inPlace.toFixed(1)} ms, bare ${bare.toFixed(1)} ms, CPU ${figures.cpu_ms.toFixed(2)} ms`,
      );
      const yardstick = `${inPlace.toFixed(1)} ms, bare iptables-restore ${bare.toFixed(1)} ms; ${KNOWN}`;
      rows.push(row(`${backend}, ${count} Services, endpoint changed`, inPlace / bare, 'x', { goal: IN_PLACE_GOAL, yardstick }));
      if (count === FEW) fewCpu_ms = figures.cpu_ms;
      const yardstickCpu = `${figures.cpu_ms.toFixed(2)} ms, at ${FEW} Services ${fewCpu_ms.toFixed(2)} ms`;
      const against = count === FEW ? {} : { goal: CPU_GROWTH_GOAL, yardstick: yardstickCpu };
      rows.push(row(`${backend}, ${count} Services, agent's CPU a change`, figures.cpu_ms / fewCpu_ms, 'x', against));
    }
  }
  return rows;
}

async function measure(backend: string, count: number): Promise<RulesFigures> {
  const namespace = `phbench-rules-${process.pid}`;
  const inside = [`--net=/run/netns/${namespace}`];
  await systemExec('ip', ['netns', 'add', namespace]);
  try {
    const ip = (...args: string[]) => systemExec('nsenter', [...inside, 'ip', ...args]);
    await ip('link', 'set', 'lo', 'up');
    await ip('link', 'add', 'cni0', 'type', 'bridge');
    await ip('address', 'add', `${NODE_IP}/24`, 'dev', 'cni0');
    await ip('link', 'set', 'cni0', 'up');
    const program = join(PROJECT_ROOT, 'dist/test/bench/proxy-node.js');
    const args = [...inside, process.execPath, program, backend, String(count), String(CHANGES), NODE_IP];
    return JSON.parse(await systemExec('nsenter', args, { timeout_ms: TIMEOUT_MS })) as RulesFigures;
  } finally {
    await systemExec('ip', ['netns', 'del', namespace]);
  }
}
