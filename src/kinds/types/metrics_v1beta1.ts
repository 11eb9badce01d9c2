// Shapes of metrics.v1beta1 as TypeScript sees them, deeply read-only.
import type * as meta_v1 from '../../apimachinery/types/meta_v1.js';

export interface NodeMetrics {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: meta_v1.ObjectMeta;
  readonly timestamp: string;
  readonly window: string;
  readonly usage: { readonly [resource: string]: string };
}

export interface PodMetrics {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: meta_v1.ObjectMeta;
  readonly timestamp: string;
  readonly window: string;
  readonly containers: readonly ContainerMetrics[];
}

export interface ContainerMetrics {
  readonly name: string;
  readonly usage: { readonly [resource: string]: string };
}
