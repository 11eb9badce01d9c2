// What the kubelet's server is made of: its settings and certificates, and who answers for the node.
import type { Clock } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { Client } from '../../src/client/client.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';
import type { GlassBox } from '../glassbox/proxyz.js';
import type { KubeletMetrics } from '../kubelet/metrics.js';
import type { ContainerRuntime } from '../runtime/runtime.js';
import type { PodLookup } from './find-container.js';

export interface KubeletServerOptions {
  readonly settings: KubeletSettings;
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** PEM: the CA that clients' certificates come from. */
  readonly clientCa: string;
  readonly nodeName: string;
  /** Where pods' directories lie. */
  readonly rootDirectory: string;
  /** The node's own, to ask who somebody is and what that one may do. */
  readonly client: Client;
  readonly metrics: KubeletMetrics;
  /** Absent until the node's network runs. */
  readonly glassBox?: () => GlassBox | undefined;
  readonly lookup: PodLookup;
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly log: Logger;
}
