// `kubectl top` of several versions, and the metrics.k8s.io API that it asks, on a real kubelet.
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseQuantity } from '../../../src/apimachinery/quantity.js';
import { StatusError } from '../../../src/apimachinery/status.js';
import { nodeMetrics } from '../../../src/kinds/metrics/nodemetrics.js';
import { podMetrics } from '../../../src/kinds/metrics/podmetrics.js';
import { shows } from '../../suites/compatibility.js';
import { ALL_KUBECTL_VERSIONS, Kubectl } from '../../suites/kubectl.js';
import { type KubeletLab, NODE } from './kubelet-lab.js';
import { withLab } from './with-lab.js';

const sh = (script: string) => ['/bin/sh', '-c', script];

let lab: KubeletLab;

withLab(async (started) => {
  lab = started;
  const busy = sh('cat /dev/zero > /dev/null & x=; for i in 1 2 3 4 5 6 7 8 9; do x="$x$x----------"; done; sleep 100000');
  await lab.create(
    'busy',
    {
      containers: [
        { name: 'main', command: busy },
        { name: 'other', command: sh('sleep 100000') },
      ],
    },
    { labels: { app: 'busy' } },
  );
  await lab.create('idle', { containers: [{ name: 'main', command: sh('sleep 100000') }] }, { labels: { app: 'idle' } });
  await lab.ready('busy');
  await lab.ready('idle');
});

describe.each(ALL_KUBECTL_VERSIONS)('kubectl %s', (version) => {
  let kubectl: Kubectl;
  beforeAll(() => {
    kubectl = new Kubectl(version, lab.api.kubeconfig, join(lab.api.dir, `home-${version}`));
  });

  it('shows what nodes use', async (context) => {
    shows(context, { client: 'kubectl', version, verb: 'top nodes', result: 'works' });
    const [head, node] = (await kubectl.ok(['top', 'nodes'])).trim().split('\n');
    expect(head).toMatch(/^NAME +CPU\(cores\) +CPU\(?%\)? +MEMORY\(bytes\) +MEMORY\(?%\)?/);
    expect(node).toMatch(new RegExp(`^${NODE} +[1-9]\\d*m +\\d+% +[1-9]\\d*Mi +\\d+%`));
  });

  it('shows what pods and their containers use', async (context) => {
    shows(context, { client: 'kubectl', version, verb: 'top pods', result: 'works' });
    const pods = await kubectl.ok(['top', 'pods', '--no-headers', '--sort-by=cpu']);
    // The busiest first, by far.
    expect(pods.split('\n')[0]).toMatch(/^busy +[1-9]\d+m +\d+Mi/);
    expect(pods).toMatch(/^idle +0m /m);
    const containers = await kubectl.ok(['top', 'pods', '--containers', '--no-headers', '-l', 'app=busy']);
    expect(
      containers
        .trim()
        .split('\n')
        .map((line) => line.split(/ +/).slice(0, 2))
        .sort(),
    ).toEqual([
      ['busy', 'main'],
      ['busy', 'other'],
    ]);
    expect(await kubectl.ok(['top', 'pod', 'idle', '--no-headers'])).toMatch(/^idle +/);
    expect(await kubectl.fails(['top', 'pod', 'nobody'])).toContain('"nobody" not found');
  });
});

describe('the metrics.k8s.io API', () => {
  it('tells usage, of when and over which time', async () => {
    const { client } = lab.api;
    const pod = await client.get(podMetrics, { namespace: 'default', name: 'busy' });
    expect(pod).toMatchObject({
      kind: 'PodMetrics',
      apiVersion: 'metrics.k8s.io/v1beta1',
      metadata: { name: 'busy', labels: { app: 'busy' } },
    });
    expect(pod.containers.map(({ name }) => name)).toEqual(['main', 'other']);
    const [main, other] = pod.containers;
    expect(parseQuantity(main!.usage['cpu']!)).toBeGreaterThan(0.05);
    expect(parseQuantity(other!.usage['cpu']!)).toBeLessThan(0.05);
    expect(parseQuantity(main!.usage['memory']!)).toBeGreaterThan(10_000);
    expect(Number.parseFloat(pod.window)).toBeGreaterThan(0.5);
    expect(Math.abs(Date.parse(pod.timestamp) - Date.now())).toBeLessThan(60_000);
  });

  it('lists by selectors and namespaces', async () => {
    const { client } = lab.api;
    const names = async (options: object) => (await client.list(podMetrics, options)).items.map(({ metadata }) => metadata.name);
    expect(await names({ labelSelector: 'app=idle' })).toEqual(['idle']);
    expect(await names({ fieldSelector: 'metadata.name=busy' })).toEqual(['busy']);
    expect(await names({ namespace: 'kube-system' })).toEqual([]);
    expect((await client.list(nodeMetrics)).items.map(({ metadata }) => metadata.name)).toEqual([NODE]);
  });

  it('does not know pods that do not run, or are not there', async () => {
    await lab.create('done', { restartPolicy: 'Never', containers: [{ name: 'main', command: ['true'] }] });
    await lab.pod('done', 'it is done', ({ status }) => status.phase === 'Succeeded');
    for (const name of ['done', 'nobody']) {
      const error = await lab.api.client.get(podMetrics, { namespace: 'default', name }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(StatusError);
      expect(error).toMatchObject({ code: 404 });
    }
  });

  it('asks kubelets only for whoever asks, and not for each', async () => {
    const count = async () => (await lab.api.client.list(podMetrics)).items.map(({ timestamp }) => timestamp);
    const [first, second] = [await count(), await count()];
    expect(second).toEqual(first);
  });
});
