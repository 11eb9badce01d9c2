// defineVolume: the shape of a volume type. One type, one file; index.ts lists them.
import type { LocalVolumeSource, PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '../../src/kinds/types/core_v1.js';
import type { EnvSources } from '../kubelet/env.js';
import type { NodeFacts } from '../kubelet/field-path.js';
import type { TokenWish } from '../kubelet/service-account-tokens.js';

export interface VolumeSources extends Pick<EnvSources, 'configMap' | 'secret'> {
  serviceAccountToken(pod: Pod, wish: TokenWish): Promise<string>;
  claim(namespace: string, name: string): Promise<PersistentVolumeClaim | undefined>;
  persistentVolume(name: string): Promise<PersistentVolume | undefined>;
}

/** A pod's own volume, or what the PersistentVolume is that it claims. */
export interface VolumeSpec extends Volume {
  readonly local?: LocalVolumeSource;
}

export interface VolumeContext {
  readonly pod: Pod;
  /** The volume's own directory below the pod's; not made yet. */
  readonly directory: string;
  readonly node: NodeFacts;
  readonly sources: VolumeSources;
  /** Of a PersistentVolume. */
  readonly mountOptions?: readonly string[];
  /** Nobody is to write into it: a claim says so, for all containers. */
  readonly readOnly?: boolean;
}

/** A volume cannot be set up as things are: shown as FailedMount, and tried again. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError';
  /** Told by an event each: several, where it is of several volumes. */
  readonly each: readonly string[];

  constructor(...messages: readonly string[]) {
    super(messages.join('; '));
    this.each = messages;
  }
}

export interface VolumeType {
  /** Its field in a volume: `emptyDir`. */
  readonly field: Exclude<keyof VolumeSpec, 'name'>;
  /** Upstream's plugin name, which names its directories. */
  readonly plugin: string;
  /** Its contents are the kubelet's, so that containers only read them, and they are kept up to date. */
  readonly managed: boolean;
  /**
   * Makes or refreshes it and returns the path on the node to mount. Idempotent. Rejects with a VolumeError. What it mounts below the pod's
   * directory is unmounted when the pod goes.
   */
  setUp(volume: VolumeSpec, context: VolumeContext): Promise<string>;
}

export const defineVolume = (type: VolumeType): VolumeType => type;
