// What a runtime asks of the pod network; agent/cni implements it by CNI plugins.
import type { PodBandwidth, PodDns, PortMapping } from './config.js';

export interface PodNetworkConfig {
  readonly sandboxId: string;
  /** Path of the sandbox's network namespace. */
  readonly netns: string;
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly portMappings: readonly PortMapping[];
  /** Bits a second and bits at once, as the plugin of that name takes them. */
  readonly bandwidth?: PodBandwidth;
  readonly dns?: PodDns;
  readonly annotations?: { readonly [name: string]: string };
  readonly cgroupParent?: string;
}

export interface PodNetwork {
  /** Why no pod can be wired now; undefined: they can. */
  notReady(): string | undefined;
  /** Looks again whether pods can be wired; rejects with a RuntimeError where they cannot. */
  whenReady(): Promise<void>;
  /** The pod's addresses; rejects with a RuntimeError, in which case `tearDown` is still the caller's to call. */
  setUp(pod: PodNetworkConfig): Promise<readonly string[]>;
  /** Gives back all that `setUp` took; nothing to give back is no error. `netns` is undefined where the sandbox no longer runs. */
  tearDown(sandboxId: string, netns: string | undefined): Promise<void>;
  /** Of a sandbox that was set up, also by an agent before this one. */
  ips(sandboxId: string): readonly string[];
  /** Tears down what belongs to no living sandbox; `living` is asked after it has looked what there is. */
  collectGarbage(living: () => Promise<ReadonlySet<string>>): Promise<void>;
}
