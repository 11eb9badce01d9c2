// Area proxy, the traffic: the requests a second that nginx answers by a NodePort, against the same nginx by its pod's own address.
import { systemClock, systemRandom } from '../../src/apimachinery/clock.js';
import { silentLogger } from '../../src/apimachinery/logger.js';
import { connectAdmin } from '../../src/cluster/local/admin.js';
import { whenInformed } from '../../src/cluster/local/ready.js';
import { deployments } from '../../src/kinds/apps/deployment.js';
import { pods } from '../../src/kinds/core/pod.js';
import { isPodReady } from '../../src/kinds/core/podutil.js';
import { clean, layout, quiet, up } from './cluster.js';
import { requestsPerSecond } from './http-load.js';
import { median, progress, type Row, row } from './report.js';

/** The demo's. */
const APP = { namespace: 'default', name: 'nginx' };
const NODE_PORT = 30080;
const POD_PORT = 80;
const ROUNDS = 7;
const ROUND_MS = 2_000;
const CONNECTIONS = 16;
const READY_TIMEOUT_MS = 60_000;
/** Of the requests a second by the pod's address. */
const GOAL_PERCENT = 95;

export async function benchProxyTraffic(): Promise<readonly Row[]> {
  try {
    await up(1);
    const podIp = await onePod();
    const nodeIp = layout(1).nodeList[0]!.address;
    await quiet();
    const rows: Row[] = [];
    for (const anew of [false, true]) {
      const name = anew ? 'NodePort, a connection for each request' : `NodePort, ${CONNECTIONS} lasting connections`;
      rows.push(await compare(name, anew, podIp, nodeIp));
    }
    return rows;
  } finally {
    await clean();
  }
}

/** The same nginx on both ways: all but one of the demo's pods go. */
async function onePod(): Promise<string> {
  const admin = await connectAdmin(layout(1), { clock: systemClock, random: systemRandom, log: silentLogger });
  try {
    const informer = admin.informers.of(pods, { namespace: APP.namespace });
    await informer.whenSynced();
    await admin.client.patch(deployments, APP, 'application/merge-patch+json', { spec: { replicas: 1 } });
    const left = () => {
      const [pod, ...more] = informer.list();
      return more.length === 0 && pod && isPodReady(pod) ? pod.status.podIP : undefined;
    };
    return await whenInformed([informer], left, {
      clock: systemClock,
      timeout_ms: READY_TIMEOUT_MS,
      what: () => 'waited for one pod of nginx',
    });
  } finally {
    admin.close();
  }
}

/** In turns, so that what else the machine does meets both alike. */
async function compare(name: string, anew: boolean, podIp: string, nodeIp: string): Promise<Row> {
  const ratios: number[] = [];
  const [byPod, byNodePort]: [number[], number[]] = [[], []];
  const measure = (host: string, port: number) => requestsPerSecond({ host, port, connections: CONNECTIONS, anew, duration_ms: ROUND_MS });
  await measure(nodeIp, NODE_PORT);
  for (let round = 0; round < ROUNDS; round++) {
    const first = round % 2 === 0;
    const nodePort = first ? await measure(nodeIp, NODE_PORT) : 0;
    const pod = await measure(podIp, POD_PORT);
    byNodePort.push(nodePort || (await measure(nodeIp, NODE_PORT)));
    byPod.push(pod);
    ratios.push((byNodePort.at(-1)! / pod) * 100);
  }
  const yardstick = `${Math.round(median(byNodePort))} a second, pod address ${Math.round(median(byPod))}`;
  progress(`${name}: ${yardstick}`);
  return row(name, median(ratios), '%', { goal: GOAL_PERCENT, atLeast: true, yardstick });
}
