// autoscaling/v1 Scale, the one view that is no part of any kind: its field facts, for decoding and for OpenAPI.
import meta_v1 from '../apimachinery/schema/meta_v1.js';
import { type PackageFacts, Schemas } from '../apimachinery/schema.js';

const autoscaling_v1: PackageFacts = {
  Scale: {
    metadata: { id: 1, type: 'meta.v1.ObjectMeta', omit: true },
    spec: { id: 2, type: 'autoscaling.v1.ScaleSpec', omit: true },
    status: { id: 3, type: 'autoscaling.v1.ScaleStatus', omit: true },
  },
  ScaleSpec: { replicas: { id: 1, type: 'int32', omit: true } },
  ScaleStatus: { replicas: { id: 1, type: 'int32' }, selector: { id: 2, type: 'string', omit: true } },
};

export const scaleSchemas = new Schemas({ 'meta.v1': meta_v1, 'autoscaling.v1': autoscaling_v1 });
export const SCALE_VERSION = 'autoscaling/v1';
export const scaleSchema = scaleSchemas.get('autoscaling.v1.Scale');
