// Area proxy, the way of a change: from the write of an endpoint's pod to the rules of every node of three, with few Services and with many.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Exec, ExecError, systemExec } from '../../agent/proxy/exec.js';
import { openIptables } from '../../agent/proxy/iptables.js';
import { chainName } from '../../agent/proxy/names.js';
import { systemClock, systemRandom } from '../../src/apimachinery/clock.js';
import { silentLogger } from '../../src/apimachinery/logger.js';
import type { KubeObject, ObjectName } from '../../src/apimachinery/object.js';
import { type Admin, connectAdmin } from '../../src/cluster/local/admin.js';
import { whenInformed } from '../../src/cluster/local/ready.js';
import { pods } from '../../src/kinds/core/pod.js';
import { isPodReady } from '../../src/kinds/core/podutil.js';
import { services } from '../../src/kinds/core/service.js';
import { endpointSlices } from '../../src/kinds/discovery/endpointslice.js';
import { service, slice } from '../unit/agent/objects.js';
import { clean, layout, quiet, up } from './cluster.js';
import { median, progress, type Row, row } from './report.js';

const NODES = 3;
/** The cluster's own, the demo's and the one that is measured are among them. */
const SERVICES = [10, 1_000] as const;
/** Even, so that each measurement begins with the label off. */
const CHANGES = 16;
const GOAL_MS = 300;
/** Longer than a node waits between two writes, so that each change is one of its own. */
const REST_MS = 400;
const READY_TIMEOUT_MS = 60_000;
const CHANGE_TIMEOUT_MS = 10_000;
/** The Service that is measured selects pods by this label, which one of the demo's has, and which is put on another one and taken off again. */
const NAME = 'propagated';
const LABEL = 'propagated';
const CHAIN = chainName('SVC', `default/${NAME}`, 'tcp');
const KNOWN = 'known: Kubernetes 1.20 90 ms at 10, 735 ms at 1,000';

/** Tells of each change of a node's rules as the kernel makes it. */
class RuleWatch {
  readonly #child: ChildProcess;
  #seen = () => {};

  constructor(netns: string) {
    this.#child = spawn('nsenter', [`--net=/run/netns/${netns}`, 'stdbuf', '-oL', 'xtables-monitor', '--event', '-4'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      if (line.includes(CHAIN)) this.#seen();
    });
  }

  next(): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('a node did not write its rules: is its iptables backend nft?')), CHANGE_TIMEOUT_MS);
      this.#seen = () => {
        clearTimeout(timer);
        resolve(performance.now());
      };
    });
  }

  close(): void {
    this.#child.kill();
  }
}

export async function benchProxyPropagation(): Promise<readonly Row[]> {
  let admin: Admin | undefined;
  try {
    await up(NODES);
    admin = await connectAdmin(layout(NODES), { clock: systemClock, random: systemRandom, log: silentLogger });
    const [steady, changing] = await twoPods(admin);
    await admin.client.patch(pods, steady, 'application/merge-patch+json', { metadata: { labels: { [LABEL]: 'yes' } } });
    const ports = [{ name: '', protocol: 'TCP' as const, port: 80 }];
    await admin.client.create(services, asNew(service(NAME, { selector: { [LABEL]: 'yes' }, ports })));
    const rows: Row[] = [];
    for (const count of SERVICES) {
      await fillUp(admin, count);
      await written(count);
      await quiet();
      rows.push(await measure(admin, changing, count));
    }
    return rows;
  } finally {
    admin?.close();
    await clean();
  }
}

async function twoPods({ informers }: Admin): Promise<readonly [ObjectName, ObjectName]> {
  const informer = informers.of(pods, { namespace: 'default' });
  const ready = () => {
    const [one, other] = informer.list().filter(isPodReady);
    return one && other && ([one.metadata, other.metadata] as const);
  };
  return whenInformed([informer], ready, { clock: systemClock, timeout_ms: READY_TIMEOUT_MS, what: () => 'waited for two pods' });
}

/** More Services of two endpoints each, until there are so many. */
async function fillUp({ client }: Admin, count: number): Promise<void> {
  const { items } = await client.list(services);
  for (let i = items.length; i < count; i++) {
    await client.create(services, asNew(service(`more-${i}`, { ports: [{ name: 'http', protocol: 'TCP', port: 80 }] })));
    const ends = [0, 1].map((n) => ({ ip: `10.244.${200 + (i >> 7)}.${2 * (i & 127) + n}` }));
    await client.create(endpointSlices, asNew(slice(`more-${i}`, ends, [{ name: 'http', protocol: 'TCP', port: 8080 }])));
  }
}

/** Until each node has written the rules of the last Service that was made. */
async function written(count: number): Promise<void> {
  const chain = chainName('SVC', `default/more-${count - 1}:http`, 'tcp');
  for (const { netns } of layout(NODES).nodeList) {
    const exec: Exec = (program, args, options) => systemExec('nsenter', [`--net=/run/netns/${netns}`, program, ...args], options);
    const iptables = await openIptables({ exec, log: silentLogger, backend: 'nft' });
    const isThere = async () => {
      try {
        return (await iptables.list('nat', chain)) !== undefined;
      } catch (error) {
        // A listing that a write overtakes fails.
        if (error instanceof ExecError) return false;
        throw error;
      }
    };
    while (!(await isThere())) await sleep(REST_MS);
  }
}

/** Without what the API server gives. */
function asNew<T extends KubeObject>(object: T): T {
  const { name, namespace, labels } = object.metadata;
  return { ...object, metadata: { name, namespace, labels } };
}

async function measure({ client }: Admin, pod: ObjectName, count: number): Promise<Row> {
  const slowest_ms: number[] = [];
  // Not earlier: the kernel ends a watch that lags behind many changes at once.
  const watches = layout(NODES).nodeList.map(({ netns }) => new RuleWatch(netns));
  for (let change = 0; change < CHANGES; change++) {
    await sleep(REST_MS);
    const written = Promise.all(watches.map((watch) => watch.next()));
    const begun = performance.now();
    const labels = { [LABEL]: change % 2 === 0 ? 'yes' : null };
    await Promise.all([
      client.patch(pods, pod, 'application/merge-patch+json', { metadata: { labels } }),
      written.then((at) => slowest_ms.push(Math.max(...at) - begun)),
    ]);
  }
  for (const watch of watches) watch.close();
  const value = median(slowest_ms);
  const yardstick = `slowest ${Math.max(...slowest_ms).toFixed(0)} ms of ${CHANGES}; ${KNOWN}`;
  progress(`${count} Services: an endpoint's change is in all ${NODES} nodes' rules after ${value.toFixed(0)} ms at the median`);
  return row(`${count} Services, endpoint changed: in the rules of all ${NODES} nodes`, value, 'ms', { goal: GOAL_MS, yardstick });
}
