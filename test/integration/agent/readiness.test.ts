// How soon a readiness that changes is where traffic looks for it: in the EndpointSlice, through a real kubelet, API server and controller.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, vi } from 'vitest';
import { systemClock as clock, systemRandom as random } from '../../../src/apimachinery/clock.js';
import { silentLogger as log } from '../../../src/apimachinery/logger.js';
import { createEventRecorder } from '../../../src/client/event-recorder.js';
import { createInformers } from '../../../src/client/informers.js';
import { endpointSlice } from '../../../src/controllers/endpointslice.js';
import { startControllers } from '../../../src/controllers/manager.js';
import { services } from '../../../src/kinds/core/service.js';
import { endpointSlices } from '../../../src/kinds/discovery/endpointslice.js';
import { until } from './engine-lab.js';
import type { KubeletLab } from './kubelet-lab.js';
import { sh } from './kubelet-requests.js';
import { withLab } from './with-lab.js';

// Real containers take their time on a busy machine.
vi.setConfig({ testTimeout: 180_000 });
/** 200 ms on a machine that has nothing else to do; more than half of a probe's period would be no work but waiting. */
const SOON_MS = 500;

let lab: KubeletLab;

withLab((started) => {
  lab = started;
});

it('a probe that finds out is in the EndpointSlice soon', async () => {
  const { client } = lab.api;
  const informers = createInformers({ client, clock, random, log });
  const events = (component: string) => createEventRecorder({ client, component, clock, random, log });
  const controllers = startControllers([endpointSlice], { client, informers, events, clock, random, log, options: {} as never });
  let code = 200;
  /** When the present answer was first given. */
  let answered_ms: number | undefined;
  const server = createServer((_, response) => {
    answered_ms ??= performance.now();
    response.writeHead(code).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await client.create(services, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: port }] },
  } as never);
  const readinessProbe = { httpGet: { port, host: '127.0.0.1' }, periodSeconds: 1, failureThreshold: 1 };
  await lab.create('web', { containers: [{ name: 'main', command: sh('sleep 1000'), readinessProbe }] }, { labels: { app: 'web' } });
  const seen: { ready: boolean; at_ms: number }[] = [];
  informers.of(endpointSlices, { namespace: 'default' }).onChange(({ new: slice }) => {
    if (slice?.metadata.labels?.['kubernetes.io/service-name'] !== 'web') return;
    const ready = slice.endpoints?.[0]?.conditions?.ready;
    if (ready !== undefined && seen.at(-1)?.ready !== ready) seen.push({ ready, at_ms: performance.now() });
  });
  await until('it takes traffic', () => seen.at(-1)?.ready === true);
  const delays_ms: number[] = [];
  for (let flip = 0; flip < 6; flip++) {
    code = code === 200 ? 503 : 200;
    answered_ms = undefined;
    const found = await until('it is seen', () => seen.at(-1)?.ready === (code === 200) && seen.at(-1));
    delays_ms.push(found.at_ms - answered_ms!);
  }
  const median_ms = delays_ms.sort((a, b) => a - b)[delays_ms.length >> 1]!;
  expect(median_ms).toBeLessThan(SOON_MS);
  await controllers.stop();
  informers.stop();
  await new Promise((resolve) => server.close(resolve));
});
