// What this node's iptables and kernel lack: asked only after a write has failed, by writing a rule that needs it where it does nothing.
import { ExecError } from './exec.js';
import type { Iptables } from './iptables.js';
import { CANARY } from './names.js';
import type { Match } from './port-rules.js';

const PROBES: { readonly [match in Match]: string } = {
  recent: '-m recent --name KUBE-PROXY-CANARY --rcheck --seconds 1 --reap',
  statistic: '-m statistic --mode random --probability 0.5',
  sctp: '-p sctp -m sctp --dport 1',
};

/** Undefined where not even a plain rule can be written: then it is no match that is missing. */
export async function missingMatches(iptables: Iptables): Promise<ReadonlySet<Match> | undefined> {
  if (!(await accepts(iptables, ''))) return undefined;
  const missing = new Set<Match>();
  for (const [match, rule] of Object.entries(PROBES)) {
    if (!(await accepts(iptables, `-A ${CANARY} ${rule} -j RETURN\n`))) missing.add(match as Match);
  }
  return missing;
}

/** The canary has a rule of its own all the time, so that nobody takes the probe for a flush. */
async function accepts(iptables: Iptables, rule: string): Promise<boolean> {
  const input = (rules: string) => `*nat\n:${CANARY} - [0:0]\n${rules}-A ${CANARY} -j RETURN\nCOMMIT\n`;
  try {
    await iptables.restore(input(rule));
    if (rule) await iptables.restore(input(''));
    return true;
  } catch (error) {
    if (error instanceof ExecError) return false;
    throw error;
  }
}
