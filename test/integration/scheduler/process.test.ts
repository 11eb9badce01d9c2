// The scheduler as a process of its own would run it: over TLS, under its own user, one of two at work; and two of different names side by side.
import { once } from 'node:events';
import { request } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock, systemRandom } from '../../../src/apimachinery/clock.js';
import { type Logger, silentLogger } from '../../../src/apimachinery/logger.js';
import { startSchedulerProcess } from '../../../src/cluster/scheduler.js';
import { leases } from '../../../src/kinds/coordination/lease.js';
import { events } from '../../../src/kinds/core/event.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { readConfiguration } from '../../../src/scheduler/config.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { addNode } from '../../suites/declared-nodes.js';
import { until } from '../../suites/until.js';

let api: TestServer;
let warnings: string[];
const heard: Logger = { ...silentLogger, warn: (_, message) => void warnings.push(message), child: () => heard };
const running: { stop(): Promise<void> }[] = [];

beforeEach(async () => {
  warnings = [];
  api = await startTestServer({ disableAdmissionPlugins: ['ServiceAccount', 'StorageObjectInUseProtection', 'TaintNodesByCondition'] });
  await addNode(api.client, 'n1', systemClock);
});
afterEach(async () => {
  for (const scheduler of running.splice(0)) await scheduler.stop();
  await api.stop();
  expect(warnings.filter((line) => /forbidden/i.test(line))).toEqual([]);
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function start(schedulerName: string, elected = true) {
  const { ca, scheduler } = api.pki;
  const port = await freePort();
  const started = await startSchedulerProcess({
    credentials: { server: api.url, ca: ca.cert, ...scheduler },
    configuration: readConfiguration(
      `{apiVersion: kubescheduler.config.k8s.io/v1, kind: KubeSchedulerConfiguration, profiles: [{schedulerName: ${schedulerName}}]}`,
    ),
    ...(elected && {
      election: {
        leaseDuration_ms: 3_000,
        renewDeadline_ms: 2_000,
        retryPeriod_ms: 500,
        resourceName: 'kube-scheduler',
        resourceNamespace: 'kube-system',
      },
    }),
    listen: { address: '127.0.0.1', port },
    clock: systemClock,
    random: systemRandom,
    log: heard,
  });
  running.push(started);
  const get = async (path: string, who: { readonly cert?: string; readonly key?: string } = {}) => {
    const asking = request({ host: '127.0.0.1', port, path, rejectUnauthorized: false, agent: false, ...who });
    asking.end();
    const [response] = await once(asking, 'response');
    return { code: response.statusCode as number, body: await text(response) };
  };
  const metrics = async () => (await get('/metrics', api.pki.admin)).body.split('\n');
  return { get, metrics };
}

const podFor = (name: string, schedulerName?: string) =>
  api.client.create(pods, {
    metadata: { namespace: 'default', name },
    spec: { ...(schedulerName && { schedulerName }), containers: [{ name: 'c', image: 'i' }] },
  });
const nodeOf = async (name: string) => (await api.client.get(pods, { namespace: 'default', name })).spec.nodeName;
const placed = (name: string) => until(`${name} has a node`, async () => (await nodeOf(name)) === 'n1');
const holder = async () => (await api.client.get(leases, { namespace: 'kube-system', name: 'kube-scheduler' })).spec.holderIdentity;

test('one of two is at work, the other takes over from it; health, metrics and decisions tell', async () => {
  const a = await start('default-scheduler');
  await podFor('first');
  await placed('first');
  const first = await holder();
  const b = await start('default-scheduler');
  expect((await b.get('/healthz')).code).toBe(200);
  expect((await b.get('/metrics')).code).toBe(401);
  expect(await a.metrics()).toEqual(
    expect.arrayContaining([
      'leader_election_master_status{name="kube-scheduler"} 1',
      'scheduler_pending_pods{queue="active"} 0',
      'scheduler_schedule_attempts_total{profile="default-scheduler",result="scheduled"} 1',
      'scheduler_queue_incoming_pods_total{event="PodAdd",queue="active"} 1',
      'scheduler_pod_scheduling_sli_duration_seconds_count{attempts="1"} 1',
    ]),
  );
  expect(await b.metrics()).toContain('leader_election_master_status{name="kube-scheduler"} 0');
  const decisions = '/api/v1/namespaces/default/pods/first/decisions';
  expect(JSON.parse((await a.get(decisions, api.pki.admin)).body)).toMatchObject({ state: 'bound', pod: { node: 'n1' } });
  expect((await b.get(decisions, api.pki.admin)).code).toBe(503);
  await running.shift()!.stop();
  await podFor('second');
  await placed('second');
  expect(await holder()).not.toBe(first);
});

test('two of different names each take their own pods, and tell of them under their names', async () => {
  await start('default-scheduler', false);
  await start('mine', false);
  await podFor('usual');
  await podFor('special', 'mine');
  await podFor('nobodys', 'theirs');
  await placed('usual');
  await placed('special');
  const sources = async () =>
    (await api.client.list(events, { namespace: 'default' })).items
      .filter(({ reason }) => reason === 'Scheduled')
      .map(({ involvedObject, source }) => `${involvedObject.name} ${source?.component}`)
      .sort();
  await until('both are told of', async () => (await sources()).length === 2);
  expect(await sources()).toEqual(['special mine', 'usual default-scheduler']);
  expect(await nodeOf('nobodys')).toBeUndefined();
});
