// Area proxy: what carries Services on a node, a part of the area in a file each: rules, propagation, traffic, names.
import { benchProxyDns } from './proxy-dns.js';
import { benchProxyPropagation } from './proxy-propagation.js';
import { benchProxyRules } from './proxy-rules.js';
import { benchProxyTraffic } from './proxy-traffic.js';
import type { Row } from './report.js';

/** In the order in which they are shown. Each brings up what it needs and removes it. */
const PARTS: readonly (() => Promise<readonly Row[]>)[] = [benchProxyRules, benchProxyPropagation, benchProxyTraffic, benchProxyDns];

export async function benchProxy(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const part of PARTS) rows.push(...(await part()));
  return rows;
}
