// Probes of every kind and handler against servers that really answer, and what becomes of the container: with a kubelet on a real engine.
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Draft } from '../../../src/apimachinery/json.js';
import type { Container, Pod, Probe } from '../../../src/kinds/types/core_v1.js';
import { type GrpcHealth, startGrpcHealth } from '../../suites/grpc-health.js';
import { type HttpsServer, startHttpsServer } from '../../suites/https-server.js';
import { showsFields } from '../../suites/pod-spec.js';
import { until } from './engine-lab.js';
import { KubeletLab } from './kubelet-lab.js';
import { condition, execIn, sh, status } from './kubelet-requests.js';

const KINDS = ['startup', 'readiness', 'liveness'] as const;
type Kind = (typeof KINDS)[number];
/** In a test by this name, `livenessProbe`, of each kind. */
const EACH = '{startupProbe,readinessProbe,livenessProbe}';

// Real containers take their time on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

let lab: KubeletLab;
const stops: (() => unknown)[] = [];

beforeAll(async () => {
  lab = await KubeletLab.start();
}, 120_000);

afterAll(async () => {
  for (const stop of stops) await stop();
  await lab?.stop();
}, 60_000);

/** Something that a probe of each kind can be made of, and which can be opened and shut. */
interface Doors {
  probe(kind: Kind): Draft<Probe>;
  open(kind: Kind): Promise<void> | void;
  shut(kind: Kind): Promise<void> | void;
}

async function listen(server: TcpServer, port = 0): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function commands(pod: string): Doors {
  return {
    // A command takes its time on a busy machine.
    probe: (kind) => ({ exec: { command: ['cat', `/tmp/${kind}`] }, timeoutSeconds: 10 }),
    open: async (kind) => void (await execIn(lab, pod, 'main', ['touch', `/tmp/${kind}`])),
    shut: async (kind) => void (await execIn(lab, pod, 'main', ['rm', `/tmp/${kind}`])),
  };
}

async function web(scheme: 'HTTP' | 'HTTPS'): Promise<Doors> {
  const opened = new Set<string>();
  const code = ({ url, headers }: IncomingMessage) => (opened.has(url!) && headers['x-key'] === 'secret' ? 200 : 503);
  let port: number;
  if (scheme === 'HTTPS') {
    const server: HttpsServer = await startHttpsServer((request, _, response) => void response.writeHead(code(request)).end());
    stops.push(() => server.stop());
    ({ port } = server);
  } else {
    const server = createHttpServer((request, response) => void response.writeHead(code(request)).end());
    port = await listen(server);
    stops.push(() => new Promise((resolve) => server.close(resolve)));
  }
  const httpHeaders = [{ name: 'X-Key', value: 'secret' }];
  return {
    probe: (kind) => ({ httpGet: { path: `/${kind}`, port, scheme, httpHeaders, ...(scheme === 'HTTPS' ? { host: '127.0.0.1' } : {}) } }),
    open: (kind) => void opened.add(`/${kind}`),
    shut: (kind) => void opened.delete(`/${kind}`),
  };
}

async function ports(): Promise<Doors> {
  const known = new Map<Kind, { port: number; server: TcpServer | undefined }>();
  const make = () => createTcpServer((socket) => socket.destroy());
  const close = (server: TcpServer | undefined) => new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  for (const kind of KINDS) {
    const server = make();
    known.set(kind, { port: await listen(server), server: undefined });
    await close(server);
  }
  stops.push(() => Promise.all([...known.values()].map(({ server }) => close(server))));
  return {
    probe: (kind) => ({ tcpSocket: { port: known.get(kind)!.port, ...(kind === 'readiness' ? {} : { host: '127.0.0.1' }) } }),
    async open(kind) {
      const door = known.get(kind)!;
      door.server = make();
      await listen(door.server, door.port);
    },
    async shut(kind) {
      const door = known.get(kind)!;
      await close(door.server);
      door.server = undefined;
    },
  };
}

async function services(): Promise<Doors> {
  const health: GrpcHealth = await startGrpcHealth();
  stops.push(() => health.stop());
  for (const kind of KINDS) health.set(kind, 'NOT_SERVING');
  return {
    probe: (kind) => ({ grpc: { port: health.port, service: kind } }),
    open: (kind) => health.set(kind, 'SERVING'),
    shut: (kind) => health.set(kind, 'NOT_SERVING'),
  };
}

const HANDLERS: readonly (readonly [name: string, doors: (pod: string) => Promise<Doors> | Doors, fields: string, failure: RegExp])[] = [
  ['command', commands, 'exec.command', /can't open '\/tmp\/liveness'/],
  [
    'http',
    () => web('HTTP'),
    'httpGet.{path,port,httpHeaders[].name,httpHeaders[].value}',
    /^Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 503$/,
  ],
  ['https', () => web('HTTPS'), 'httpGet.{scheme,host}', /statuscode: 503/],
  ['tcp', ports, 'tcpSocket.{port,host}', /dial tcp 127\.0\.0\.1:\d+: connect: connection refused/],
  ['grpc', services, 'grpc.{port,service}', /service unhealthy \(responded with "NOT_SERVING"\)/],
];

it.for(HANDLERS)('by %s: a container has started, is ready, and is alive as they say', async ([
  name,
  makeDoors,
  fields,
  failure,
], context) => {
  const doors = await makeDoors(name);
  const of = (kind: Kind, extra: Draft<Probe> = {}) => ({ [`${kind}Probe`]: { periodSeconds: 1, ...doors.probe(kind), ...extra } });
  const main: Draft<Container> = {
    name: 'main',
    command: sh('mkdir -p /tmp; sleep 1000'),
    ...of('startup', { failureThreshold: 100 }),
    ...of('readiness'),
    ...of('liveness', { failureThreshold: 2 }),
  };
  // On the node's network, which in the lab is where the servers listen.
  await lab.create(name, { hostNetwork: true, containers: [main] });
  const held = await lab.pod(name, 'it runs', (p) => status(p, 'main')?.state.running !== undefined);
  expect(status(held, 'main')).toMatchObject({ started: false, ready: false });
  await doors.open('liveness');
  await doors.open('startup');
  const started = await lab.pod(name, 'it has started', (p) => status(p, 'main').started === true);
  expect(condition(started, 'Ready')).toBe('False');
  await doors.open('readiness');
  await lab.ready(name);
  await doors.shut('readiness');
  const unready = await lab.pod(name, 'it is unready', (p) => condition(p, 'Ready') === 'False');
  expect(status(unready, 'main').restartCount).toBe(0);
  await doors.shut('liveness');
  await lab.pod(name, 'it is started again', (p) => status(p, 'main').restartCount === 1);
  await until('its events say why', async () => {
    const seen = await lab.eventsOf(name);
    return seen.some((event) => failure.test(event)) && seen.includes('Killing: Container main failed liveness probe, will be restarted');
  });
  showsFields(context, `spec.containers[].${EACH}.${fields}`, `spec.containers[].${EACH}.periodSeconds`);
});

/** Seconds from the container's start until the pod is as wanted. */
async function secondsUntil(name: string, wanted: (pod: Pod) => boolean): Promise<number> {
  const pod = await lab.pod(name, 'it is as wanted', wanted);
  return (Date.now() - Date.parse(status(pod, 'main').state.running?.startedAt ?? pod.metadata.creationTimestamp!)) / 1000;
}

const logs = { exec: { command: sh('echo try >> /tries; cat /fine') }, periodSeconds: 1, timeoutSeconds: 10 };
const tries = async (name: string) => (await execIn(lab, name, 'main', ['cat', '/tries'])).out.split('\n').length - 1;

it('wait for their delay, and count successes and failures up to their thresholds', async (context) => {
  const command = sh('touch /fine; sleep 1000');
  await lab.create('patient', {
    containers: [{ name: 'main', command, readinessProbe: { ...logs, initialDelaySeconds: 3, successThreshold: 3, failureThreshold: 2 } }],
  });
  // Three tries, the first after three seconds; startedAt is in whole seconds.
  expect(await secondsUntil('patient', (pod) => condition(pod, 'Ready') === 'True')).toBeGreaterThan(4.9);
  const before = await tries('patient');
  await execIn(lab, 'patient', 'main', ['rm', '/fine']);
  await lab.pod('patient', 'it is unready', (pod) => condition(pod, 'Ready') === 'False');
  expect(await tries('patient')).toBeGreaterThanOrEqual(before + 2);

  await lab.create('late', {
    containers: [{ name: 'main', command: sh('sleep 1000'), livenessProbe: { ...logs, initialDelaySeconds: 2, failureThreshold: 3 } }],
  });
  const first = await lab.pod('late', 'it is started again', (pod) => status(pod, 'main')?.restartCount === 1);
  const { startedAt, finishedAt } = status(first, 'main').lastState.terminated!;
  expect(Date.parse(finishedAt!) - Date.parse(startedAt!)).toBeGreaterThanOrEqual(4_000);

  await lab.create('slow', {
    containers: [{ name: 'main', command: sh('sleep 1000'), startupProbe: { ...logs, initialDelaySeconds: 2, failureThreshold: 3 } }],
  });
  await lab.pod('slow', 'it is started again', (pod) => status(pod, 'main')?.restartCount === 1);
  await until('its events say why', async () =>
    (await lab.eventsOf('slow')).includes('Killing: Container main failed startup probe, will be restarted'),
  );
  showsFields(
    context,
    `spec.containers[].${EACH}.{initialDelaySeconds,failureThreshold}`,
    `spec.containers[].readinessProbe.successThreshold`,
  );
});

it('are given up when their time is over, and may give less grace than the pod does', async (context) => {
  const hangs = { exec: { command: sh('sleep 100') }, timeoutSeconds: 1, periodSeconds: 1, failureThreshold: 1 };
  const deaf = sh('trap "" TERM; while true; do sleep 1; done');
  const readinessProbe = { ...hangs, exec: { command: sh('sleep 1000') } };
  await lab.create('hung', {
    terminationGracePeriodSeconds: 600,
    containers: [{ name: 'main', command: deaf, readinessProbe, livenessProbe: { ...hangs, terminationGracePeriodSeconds: 1 } }],
  });
  await lab.create('stuck', {
    terminationGracePeriodSeconds: 600,
    containers: [{ name: 'main', command: deaf, startupProbe: { ...hangs, terminationGracePeriodSeconds: 1 } }],
  });
  for (const name of ['hung', 'stuck']) {
    const pod = await lab.pod(name, 'it is started again', (p) => status(p, 'main')?.restartCount === 1, 60_000);
    expect(status(pod, 'main').lastState.terminated).toMatchObject({ exitCode: 137, reason: 'Error' });
  }
  await until('its events say why', async () => {
    const seen = await lab.eventsOf('hung');
    return ['Liveness', 'Readiness'].every((kind) =>
      seen.some((event) =>
        new RegExp(`^Unhealthy: ${kind} probe failed: command timed out: "/bin/sh -c sleep 1000?" timed out after 1s$`).test(event),
      ),
    );
  });
  for (const name of ['hung', 'stuck']) await lab.delete(name, 1);
  showsFields(
    context,
    `spec.containers[].${EACH}.timeoutSeconds`,
    'spec.containers[].{startupProbe,livenessProbe}.terminationGracePeriodSeconds',
  );
});
