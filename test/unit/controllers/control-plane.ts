// All controllers on an API in memory and a clock moved by hand, for tests that act as users and kubelets.
import { afterEach, beforeEach, expect } from 'vitest';
import { type Logger, silentLogger } from '../../../src/apimachinery/logger.js';
import { isBeingDeleted, type KubeObject } from '../../../src/apimachinery/object.js';
import type { Informers } from '../../../src/client/informer.js';
import { createInformers } from '../../../src/client/informers.js';
import { DEFAULT_OPTIONS } from '../../../src/controllers/default-options.js';
import type { ControllerDefinition } from '../../../src/controllers/define.js';
import { controllers } from '../../../src/controllers/index.js';
import { startControllers } from '../../../src/controllers/manager.js';
import { deployments } from '../../../src/kinds/apps/deployment.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { fixedRandom, ManualClock, settle } from '../client/fakes.js';
import { deployment } from './objects.js';
import { PatchingApi } from './patching-api.js';

const OPTIONS = {
  ...DEFAULT_OPTIONS,
  clusterSigningCert: '',
  clusterSigningKey: '',
  rootCa: '',
};

/** The control plane of the test under way; `useControlPlane` makes a new one for each. */
class ControlPlane {
  api = new PatchingApi();
  clock = new ManualClock();
  /** Events as lines: `Pod web-1 Normal Scheduled: ...`. */
  told: string[] = [];
  /** What controllers did that they have not declared: a defect, whatever else comes of it. */
  #undeclared: string[] = [];
  #informers: Informers | undefined;
  #running: { stop(): Promise<void> } | undefined;

  constructor(private readonly only: readonly ControllerDefinition[]) {}

  async start(): Promise<void> {
    this.api = new PatchingApi();
    this.clock = new ManualClock();
    this.told = [];
    this.#undeclared = [];
    const error: Logger['error'] = (_fields, message) => {
      if (/not among its (in|out)puts/.test(message)) this.#undeclared.push(message);
    };
    const log: Logger = { ...silentLogger, error, child: () => log };
    const deps = { client: this.api, clock: this.clock, random: fixedRandom, log };
    const event = (about: KubeObject, type: string, reason: string, message: string) =>
      void this.told.push(`${about.kind} ${about.metadata.name} ${type} ${reason}: ${message}`);
    this.#informers = createInformers(deps);
    this.#running = startControllers(this.only, { ...deps, informers: this.#informers, options: { ...OPTIONS }, events: { event } });
    await this.quiet();
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
    this.#informers?.stop();
    expect([...new Set(this.#undeclared)]).toEqual([]);
  }

  /** Until the controllers have nothing more to write, their short back-offs included. */
  async quiet(): Promise<void> {
    for (let seen = -1; seen !== this.api.version; ) {
      seen = this.api.version;
      for (let i = 0; i < 5; i++) await settle();
      await this.clock.advance(100);
    }
  }

  /** Until nothing changes any more, with kubelets: every pod gets a node, runs and is ready; what is to go, goes. */
  async settled(): Promise<void> {
    for (let seen = -1; seen !== this.api.version; ) {
      seen = this.api.version;
      await this.quiet();
      for (const each of this.api.objects(pods)) {
        if (isBeingDeleted(each)) await this.api.delete(pods, each.metadata, { gracePeriodSeconds: 0 });
        else if (each.status.phase === 'Pending') await this.run(each, 'node-1');
      }
      await this.quiet();
    }
  }

  /** As a kubelet does with a new pod. */
  async run(each: Pod, nodeName: string): Promise<void> {
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: new Date(this.clock.now()).toISOString() }];
    const podIP = `10.244.0.${this.api.version % 250}`;
    await this.api.update(pods, { ...each, spec: { ...each.spec, nodeName }, status: { phase: 'Running', podIP, conditions } });
  }

  active(): readonly Pod[] {
    return this.api.objects(pods).filter((each) => !isBeingDeleted(each) && each.status.phase !== 'Failed');
  }
}

/** `only` some controllers, where others would do what a test's users and kubelets are too lazy to keep them from. */
export function useControlPlane(only = controllers): ControlPlane {
  const plane = new ControlPlane(only);
  beforeEach(() => plane.start());
  afterEach(() => plane.stop());
  return plane;
}

export function one<T>(all: readonly T[]): T {
  expect(all).toHaveLength(1);
  return all[0]!;
}

export const web = (replicas: number, extra: object = {}) => deployment('web', { spec: { replicas, revisionHistoryLimit: 10, ...extra } });

export const edit = ({ api }: ControlPlane, spec: object) =>
  api.patch(deployments, { namespace: 'default', name: 'web' }, 'application/merge-patch+json', { spec });

export const stored = ({ api }: ControlPlane) => one(api.objects(deployments));
