// defineVolume: the shape of a volume type. One type, one file; index.ts lists them.
import type { Pod, Volume } from '../../src/kinds/types/core_v1.js';
import type { EnvSources } from '../kubelet/env.js';
import type { NodeFacts } from '../kubelet/field-path.js';
import type { TokenWish } from '../kubelet/service-account-tokens.js';

export interface VolumeSources extends Pick<EnvSources, 'configMap' | 'secret'> {
  serviceAccountToken(pod: Pod, wish: TokenWish): Promise<string>;
}

export interface VolumeContext {
  readonly pod: Pod;
  /** The volume's own directory below the pod's; not made yet. */
  readonly directory: string;
  readonly node: NodeFacts;
  readonly sources: VolumeSources;
  /** Tells the pod's user of what is not as asked for, but no reason to fail. */
  warn(message: string): void;
}

/** A volume cannot be set up as things are: shown as FailedMount, and tried again. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError';
}

export interface VolumeType {
  /** Its field in a volume: `emptyDir`. */
  readonly field: Exclude<keyof Volume, 'name'>;
  /** Upstream's plugin name, which names its directories. */
  readonly plugin: string;
  /** Its contents are the kubelet's, so that containers only read them and a part of them can be mounted safely. */
  readonly managed: boolean;
  /** Makes or refreshes it and returns the path on the node to mount. Idempotent. Rejects with a VolumeError. */
  setUp(volume: Volume, context: VolumeContext): Promise<string>;
  /** Undoes what removing the directory does not. */
  tearDown?(directory: string): Promise<void>;
}

export const defineVolume = (type: VolumeType): VolumeType => type;
