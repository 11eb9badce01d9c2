// Removes connection tracking entries of UDP flows whose endpoint is gone: UDP has no end of its own, so they would go on failing.
import { type Exec, ExecError } from './exec.js';
import type { UdpPort } from './service-rules.js';

/** Arguments of `conntrack -D` for entries that must not live on. */
export type StaleFlow = readonly string[];

/** What became stale between two states of the UDP Service ports. Pure. */
export function staleFlows(before: readonly UdpPort[], after: readonly UdpPort[]): readonly StaleFlow[] {
  const now = new Map(after.map((port) => [port.id, port]));
  const earlier = new Map(before.map((port) => [port.id, port]));
  const flows: StaleFlow[] = [];
  for (const old of before) {
    const kept = new Set((now.get(old.id)?.endpoints ?? []).map(({ ip, port }) => `${ip}:${port}`));
    for (const ip of new Set(old.endpoints.filter((e) => !kept.has(`${e.ip}:${e.port}`)).map((e) => e.ip))) {
      for (const clusterIp of old.ips) flows.push(['--orig-dst', clusterIp, '--dst-nat', ip]);
      if (old.nodePort !== undefined) flows.push(['--orig-port-dst', String(old.nodePort), '--dst-nat', ip]);
    }
  }
  for (const port of after) {
    // Flows from before there was anything to send them to are tracked untranslated and would stay so.
    if (port.endpoints.length === 0 || (earlier.get(port.id)?.endpoints.length ?? 0) > 0) continue;
    for (const ip of port.ips) flows.push(['--orig-dst', ip]);
    if (port.nodePort !== undefined) flows.push(['--orig-port-dst', String(port.nodePort)]);
  }
  return flows;
}

/** Deletes them; rejects with an ExecError where conntrack is missing or refuses. */
export async function deleteFlows(exec: Exec, flows: readonly StaleFlow[]): Promise<void> {
  for (const flow of flows) {
    try {
      await exec('conntrack', ['-D', '-p', 'udp', ...flow]);
    } catch (error) {
      const nothingFound = error instanceof ExecError && error.code === 1 && error.stderr.includes('0 flow entries');
      if (!nothingFound) throw error;
    }
  }
}
