// Nodes without engines: a pod that is bound to one is said to run, or to have succeeded where its command is `true`, and one that is to go is gone.
import { type Clock, rfc3339 } from '../../src/apimachinery/clock.js';
import { isBeingDeleted } from '../../src/apimachinery/object.js';
import { isStatus } from '../../src/apimachinery/status.js';
import type { Client } from '../../src/client/client.js';
import type { Informers } from '../../src/client/informer.js';
import { nodes } from '../../src/kinds/core/node.js';
import { pods } from '../../src/kinds/core/pod.js';
import type { Container, Pod, PodStatus, Taint } from '../../src/kinds/types/core_v1.js';

const AMOUNTS = { cpu: '16', memory: '64Gi', 'ephemeral-storage': '100Gi', pods: '500' };

export async function addNode(client: Client, name: string, clock: Clock, taints: readonly Taint[] = []): Promise<void> {
  const now = rfc3339(clock.now());
  const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' };
  await client.create(nodes, { metadata: { name, labels }, spec: { taints } });
  const conditions = [{ type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: now, lastTransitionTime: now }];
  const addresses = [{ type: 'InternalIP', address: '127.0.0.1' }];
  const status = { conditions, addresses, allocatable: AMOUNTS, capacity: AMOUNTS };
  await client.patch(nodes, { name }, 'application/merge-patch+json', { status }, 'status');
}

export function runPods(client: Client, informers: Informers, clock: Clock): { stop(): Promise<void> } {
  const under = new Set<Promise<void>>();
  const stop = informers.of(pods).onChange(({ new: pod }) => {
    if (!pod?.spec.nodeName) return;
    const work = act(client, pod, rfc3339(clock.now())).finally(() => under.delete(work));
    under.add(work);
  });
  return {
    async stop() {
      stop();
      await Promise.all(under);
    },
  };
}

async function act(client: Client, pod: Pod, now: string): Promise<void> {
  try {
    const { uid } = pod.metadata;
    if (isBeingDeleted(pod)) await client.delete(pods, pod.metadata, { gracePeriodSeconds: 0, preconditions: { uid } });
    else if (pod.status.phase === 'Pending')
      await client.patch(
        pods,
        pod.metadata,
        'application/strategic-merge-patch+json',
        { metadata: { uid }, status: statusOf(pod, now) },
        'status',
      );
  } catch (error) {
    // It went, or another with its name came.
    if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error;
  }
}

let addresses = 0;

function statusOf({ spec }: Pod, now: string): Partial<PodStatus> {
  const over = spec.restartPolicy === 'Never' && spec.containers.every(({ command }) => command?.[0] === 'true');
  const condition = (type: string, status: boolean) => ({ type, status: status ? 'True' : 'False', lastTransitionTime: now });
  addresses++;
  const podIP = `10.244.${addresses >> 8}.${addresses & 255}`;
  return {
    phase: over ? 'Succeeded' : 'Running',
    startTime: now,
    podIP,
    podIPs: [{ ip: podIP }],
    conditions: [condition('Initialized', true), condition('Ready', !over), condition('ContainersReady', !over)],
    containerStatuses: spec.containers.map((container) => containerStatus(container, over, now)),
  };
}

const containerStatus = ({ name, image = '' }: Container, over: boolean, now: string) => ({
  name,
  image,
  imageID: image,
  ready: !over,
  started: !over,
  restartCount: 0,
  lastState: {},
  state: over ? { terminated: { exitCode: 0, reason: 'Completed', startedAt: now, finishedAt: now } } : { running: { startedAt: now } },
});
