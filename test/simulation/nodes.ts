// Simulated nodes: kubelets that say that they live, run the pods that are bound to them after a while, and let go of those that are to go.
import { rfc3339, rfc3339Micro } from '../../src/apimachinery/clock.js';
import { isBeingDeleted } from '../../src/apimachinery/object.js';
import { StatusError } from '../../src/apimachinery/status.js';
import type { Client } from '../../src/client/client.js';
import type { Informers } from '../../src/client/informer.js';
import { leases } from '../../src/kinds/coordination/lease.js';
import { nodes } from '../../src/kinds/core/node.js';
import { persistentVolumes } from '../../src/kinds/core/persistentvolume.js';
import { pods } from '../../src/kinds/core/pod.js';
import { isPodTerminal } from '../../src/kinds/core/podutil.js';
import { FINALIZER_LOCAL_PATH } from '../../src/kinds/storage/local-path.js';
import type { PersistentVolume, Pod } from '../../src/kinds/types/core_v1.js';
import { LABEL_HOSTNAME, NAMESPACE_NODE_LEASE } from '../../src/kinds/wellknown.js';
import type { Seeded, SimulatedClock } from './clock.js';

/** Half of the grace period, as upstream: so often would do. */
const HEARTBEAT_ms = 20_000;
const TAKES_MAX_ms = 4_000;
const AMOUNTS = { cpu: '64', memory: '256Gi', pods: '200' };
/** How a program ends that SIGKILL ends. */
const KILLED = 137;
const MERGE = 'application/merge-patch+json';

export class SimulatedNode {
  /** False: it gives no sign of life, and its pods stay as they are. */
  alive = true;
  #gone = false;
  #address = 0;

  constructor(
    readonly name: string,
    private readonly index: number,
    private readonly deps: {
      readonly client: Client;
      readonly informers: Informers;
      readonly clock: SimulatedClock;
      readonly random: Seeded;
    },
  ) {}

  async join(): Promise<void> {
    const { name } = this;
    const { client, informers } = this.deps;
    await client.create(nodes, { metadata: { name, labels: { 'kubernetes.io/hostname': name } } });
    await client.create(leases, { metadata: { name, namespace: NAMESPACE_NODE_LEASE }, spec: { holderIdentity: name } });
    await this.#beat();
    informers.of(pods).onChange(({ new: pod }) => {
      if (pod?.spec.nodeName === name) this.#later(pod);
    });
    informers.of(persistentVolumes).onChange(({ new: volume }) => {
      if (volume) this.#laterVolume(volume);
    });
  }

  /** For good: the object is deleted by whoever calls. */
  leave(): void {
    this.#gone = true;
    this.alive = false;
  }

  async wake(): Promise<void> {
    if (this.#gone || this.alive) return;
    this.alive = true;
    await this.#write();
    for (const pod of this.deps.informers.of(pods).list()) if (pod.spec.nodeName === this.name) this.#later(pod);
    for (const volume of this.deps.informers.of(persistentVolumes).list()) this.#laterVolume(volume);
  }

  async #beat(): Promise<void> {
    if (this.#gone) return;
    if (this.alive) await this.#write();
    this.deps.clock.after(HEARTBEAT_ms, () => void this.#beat());
  }

  async #write(): Promise<void> {
    const { client, clock } = this.deps;
    const { name } = this;
    const now = rfc3339(clock.now());
    const conditions = [{ type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: now, lastTransitionTime: now }];
    const isReady = this.deps.informers
      .of(nodes)
      .get({ name })
      ?.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    const addresses = [{ type: 'InternalIP', address: `192.0.2.${this.index + 1}` }];
    const renewTime = rfc3339Micro(clock.now());
    await tolerant(client.patch(leases, { namespace: NAMESPACE_NODE_LEASE, name }, MERGE, { spec: { renewTime } }));
    if (!isReady)
      await tolerant(
        client.patch(nodes, { name }, MERGE, { status: { conditions, addresses, allocatable: AMOUNTS, capacity: AMOUNTS } }, 'status'),
      );
  }

  /** The folder of a volume that is to go is removed, and then it may go. */
  #laterVolume(volume: PersistentVolume): void {
    const { metadata, status } = volume;
    const isOurs = metadata.labels?.[LABEL_HOSTNAME] === this.name && metadata.finalizers?.includes(FINALIZER_LOCAL_PATH);
    if (!isOurs || !isBeingDeleted(volume) || status.phase === 'Bound' || !this.alive) return;
    const { client, clock, random } = this.deps;
    const finalizers = metadata.finalizers!.filter((each) => each !== FINALIZER_LOCAL_PATH);
    const { name, uid } = metadata;
    clock.after(
      random.below(TAKES_MAX_ms),
      () => this.alive && void tolerant(client.patch(persistentVolumes, { name }, MERGE, { metadata: { uid, finalizers } })),
    );
  }

  #later(pod: Pod): void {
    const needs = isBeingDeleted(pod) || phaseOf(pod) !== pod.status.phase || (pod.status.phase === 'Running' && !isReady(pod));
    if (!needs || !this.alive) return;
    this.deps.clock.after(this.deps.random.below(TAKES_MAX_ms), () => void this.#act(pod));
  }

  async #act({ metadata }: Pod): Promise<void> {
    const { client, informers } = this.deps;
    const pod = informers.of(pods).get(metadata);
    if (!this.alive || !pod || pod.metadata.uid !== metadata.uid) return;
    const { uid } = metadata;
    // A kubelet first says that a pod is over, by whose end it may be counted, and then lets go of it.
    if (isBeingDeleted(pod) && !isPodTerminal(pod)) await this.#tell(pod, 'Failed', false, KILLED);
    if (isBeingDeleted(pod)) return tolerant(client.delete(pods, metadata, { gracePeriodSeconds: 0, preconditions: { uid } }));
    const phase = phaseOf(pod);
    if (phase !== pod.status.phase || (phase === 'Running' && !isReady(pod)))
      await this.#tell(pod, phase, endsAs(pod) === undefined, phase === 'Failed' ? 1 : 0);
  }

  async #tell(pod: Pod, phase: string, ready: boolean, exitCode: number): Promise<void> {
    const now = rfc3339(this.deps.clock.now());
    const podIP = pod.status.podIP ?? `10.244.${this.index}.${(this.#address++ % 250) + 2}`;
    const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: now };
    const terminated = {
      exitCode,
      reason: phase === 'Failed' ? 'Error' : 'Completed',
      startedAt: now,
      finishedAt: now,
    };
    const state = phase === 'Running' ? { running: { startedAt: now } } : { terminated };
    const containerStatuses = pod.spec.containers.map(({ name, image }) => ({ name, image, imageID: '', ready, restartCount: 0, state }));
    const status = {
      phase,
      startTime: pod.status.startTime ?? now,
      podIP,
      podIPs: [{ ip: podIP }],
      conditions: [condition],
      containerStatuses,
    };
    const patch = { metadata: { uid: pod.metadata.uid }, status };
    await tolerant(this.deps.client.patch(pods, pod.metadata, 'application/strategic-merge-patch+json', patch, 'status'));
  }
}

/** The phase that comes next, or the present one where none does. */
function phaseOf(pod: Pod): string {
  const { phase } = pod.status;
  if (phase === 'Pending') return 'Running';
  return phase === 'Running' ? (endsAs(pod) ?? phase) : (phase ?? 'Pending');
}

const isReady = (pod: Pod) =>
  endsAs(pod) !== undefined || pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');

/** A pod's image says how its program ends: by itself, whoever runs it; undefined: it does not. */
export function endsAs({ spec }: Pod): 'Succeeded' | 'Failed' | undefined {
  const image = spec.containers[0]!.image ?? '';
  if (image.startsWith('succeeds')) return 'Succeeded';
  return image.startsWith('fails') ? 'Failed' : undefined;
}

/** What was meant has gone, or another came in its place. */
async function tolerant(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof StatusError) || ![404, 409, 422].includes(error.code)) throw error;
  }
}
