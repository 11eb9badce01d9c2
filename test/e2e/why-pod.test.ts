// Why a pod is where it is, on three nodes: placed, pending, preempting another, and not there yet; with the events that kubectl shows.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PodDecisions } from '../../src/client/pod-decisions.js';
import { apply, eventually, kubectl, layout, run } from './lab.js';

const NS = 'why-pod';

interface Said {
  readonly code: number;
  readonly text: string;
}

async function why(args: readonly string[], input?: string): Promise<Said> {
  const all = ['why', ...args, '-n', NS, '--kubeconfig', layout.kubeconfig];
  const { code, stdout, stderr } = await run('bin/porthole', all, input === undefined ? {} : { input });
  return { code, text: stdout + stderr };
}

/** Keeps what was said where whoever writes docs/why-pod.md asks for it. */
function keep(name: string, text: string): void {
  const folder = process.env['PORTHOLE_WHY_EXAMPLES'];
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.txt`), text);
}

const pod = (name: string, cpu: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: NS, labels: { app: name } },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'c', image: 'busybox:1.36', command: ['sleep', '100000'], resources: { requests: { cpu } } }],
    ...more,
  },
});
const priorityClass = (name: string, value: number) => ({
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  metadata: { name },
  value,
});
const make = (...items: readonly object[]) => apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
const eventsOf = async (name: string) => kubectl('get', 'events', '-n', NS, '--field-selector', `involvedObject.name=${name}`);

beforeAll(async () => {
  await make(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NS } },
    priorityClass('why-batch', 10),
    priorityClass('why-service', 100),
    priorityClass('why-urgent', 1000),
  );
});
afterAll(async () => {
  await kubectl('uncordon', 'node-3');
  await kubectl('delete', 'namespace', NS, '--wait=true', '--timeout=120s');
  await kubectl('delete', 'priorityclass', 'why-batch', 'why-service', 'why-urgent');
});

describe('porthole why pod', () => {
  it('placed: every plugin of every node that fits', async () => {
    await make(pod('web', '100m'));
    await kubectl('wait', '-n', NS, '--for=condition=PodScheduled', 'pod/web', '--timeout=30s');
    const said = await why(['pod/web']);
    const node = await kubectl('get', 'pod', 'web', '-n', NS, '-o', 'jsonpath={.spec.nodeName}');
    expect(said).toMatchObject({ code: 0, text: expect.stringContaining(`where the scheduler default-scheduler put it`) });
    expect(said.text).toMatch(new RegExp(`SCORED BY +│ ${node} \\(chosen\\)`));
    expect(await kubectl('describe', 'pod', 'web', '-n', NS)).toMatch(
      new RegExp(`Normal +Scheduled .*Successfully assigned ${NS}/web to ${node}`),
    );
    keep('placed', said.text);
  });

  it('pending: what is in the way on each node, and what could change that', async () => {
    await kubectl('cordon', 'node-3');
    await make(pod('huge', '64'));
    const said = await eventually(
      'it says why',
      async () => {
        const now = await why(['pod/huge']);
        return /No node can take it as things are/.test(now.text) ? now : undefined;
      },
      30,
    );
    expect(said.code).toBe(1);
    expect(said.text).toMatch(/node-1 +│ NodeResourcesFit +│ Insufficient cpu/);
    expect(said.text).toMatch(/node-3 +│ NodeUnschedulable +│ node\(s\) were unschedulable/);
    expect(await kubectl('describe', 'pod', 'huge', '-n', NS)).toMatch(
      /Warning +FailedScheduling .*default-scheduler +0\/3 nodes are available: 1 node\(s\) were unschedulable, 2 Insufficient cpu\. .*preemption: 0\/3 nodes are available: /,
    );
    keep('pending', said.text);
    await kubectl('delete', 'pod', 'huge', '-n', NS, '--wait=false');
    await kubectl('uncordon', 'node-3');
  });

  it('one that is not there, from a file: where it would go, and nothing is made', async () => {
    const said = await why(['pod', '-f', '-'], JSON.stringify(pod('maybe', '100m')));
    expect(said).toMatchObject({ code: 0, text: expect.stringMatching(/It would go to node-\d\./) });
    expect(await kubectl('get', 'pods', '-n', NS)).not.toContain('maybe');
    keep('file', said.text);
  });

  it('one that preempts another: who had to go, why that one, and that it gets the node then', async () => {
    // Two of them do not fit on one node, whatever else of the cluster's runs there.
    const cpu_m = Number(await kubectl('get', 'node', 'node-1', '-o', 'jsonpath={.status.allocatable.cpu}')) * 1000;
    const most = `${Math.floor(cpu_m * 0.6)}m`;
    await make(
      pod('service-a', most, { priorityClassName: 'why-service' }),
      pod('batch', most, { priorityClassName: 'why-batch' }),
      pod('service-b', most, { priorityClassName: 'why-service' }),
    );
    await kubectl('wait', '-n', NS, '--for=condition=PodScheduled', 'pod/batch', 'pod/service-a', 'pod/service-b', '--timeout=30s');
    const node = await kubectl('get', 'pod', 'batch', '-n', NS, '-o', 'jsonpath={.spec.nodeName}');
    await make(pod('urgent', most, { priorityClassName: 'why-urgent' }));
    // Once the kubelet has ended the other.
    await kubectl('wait', '-n', NS, '--for=condition=PodScheduled', 'pod/urgent', '--timeout=120s');
    expect(await kubectl('get', 'pod', 'urgent', '-n', NS, '-o', 'jsonpath={.spec.nodeName}')).toBe(node);
    const said = await why(['pod/urgent']);
    expect(said.code).toBe(0);
    expect(said.text).toContain(`To make room on ${node} others have to go`);
    expect(said.text).toMatch(new RegExp(`${node} \\(chosen\\) +│ ${NS}/batch \\(10\\) +│ 0`));
    const uid = await kubectl('get', 'pod', 'urgent', '-n', NS, '-o', 'jsonpath={.metadata.uid}');
    expect(await eventsOf('batch')).toMatch(new RegExp(`Normal +Preempted +pod/batch +Preempted by pod ${uid} on node ${node}`));
    expect(await eventsOf('urgent')).toMatch(/Warning +FailedScheduling .*Insufficient cpu/);
    const record = JSON.parse((await why(['pod/urgent', '-o', 'json'])).text) as PodDecisions;
    expect(record.decisions.at(-1)).toMatchObject({ attempt: 1, nominatedNode: node, preemption: { chosen: node } });
    expect(record.decisions[0]).toMatchObject({ node });
    keep('preempted', said.text);
    keep('preempted-events', await eventsOf('batch'));
  });
});
