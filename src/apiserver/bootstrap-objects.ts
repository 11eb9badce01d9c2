// Objects of rarely used kinds that every cluster has: the flow schemas and priority levels that upstream has, and the range of Services' addresses.
import type { Draft } from '../apimachinery/json.js';
import type { KubeObject } from '../apimachinery/object.js';
import type { Kind } from '../kinds/define.js';
import { flowSchemas, MANDATORY_FLOW_SCHEMAS } from '../kinds/flowcontrol/flowschema.js';
import { MANDATORY_PRIORITY_LEVELS, priorityLevelConfigurations } from '../kinds/flowcontrol/prioritylevelconfiguration.js';
import { serviceCidrs } from '../kinds/networking/servicecidr.js';
import type { FlowSchemaSpec, PriorityLevelConfigurationSpec } from '../kinds/types/flowcontrol_v1.js';
import { SUGGESTED_FLOW_SCHEMAS, SUGGESTED_PRIORITY_LEVELS } from './suggested-flow-control.js';

/** Upstream's mark on objects of flow control that the server keeps as they should be. */
const AUTO_UPDATE = { 'apf.kubernetes.io/autoupdate-spec': 'true' };
export const DEFAULT_SERVICE_CIDR = 'kubernetes';

interface Wanted<T extends KubeObject = KubeObject> {
  readonly kind: Kind<T>;
  readonly object: Draft<T>;
}

const wanted = <T extends KubeObject>(kind: Kind<T>, object: Draft<T>): Wanted => ({ kind, object }) as unknown as Wanted;

export function bootstrapObjects(serviceCidr: string): readonly Wanted[] {
  return [
    ...Object.entries({ ...MANDATORY_PRIORITY_LEVELS, ...SUGGESTED_PRIORITY_LEVELS }).map(([name, spec]) =>
      wanted(priorityLevelConfigurations, {
        metadata: { name, annotations: AUTO_UPDATE },
        spec: structuredClone(spec) as Draft<PriorityLevelConfigurationSpec>,
      }),
    ),
    ...Object.entries({ ...MANDATORY_FLOW_SCHEMAS, ...SUGGESTED_FLOW_SCHEMAS }).map(([name, spec]) =>
      wanted(flowSchemas, { metadata: { name, annotations: AUTO_UPDATE }, spec: structuredClone(spec) as Draft<FlowSchemaSpec> }),
    ),
    wanted(serviceCidrs, { metadata: { name: DEFAULT_SERVICE_CIDR }, spec: { cidrs: [serviceCidr] } }),
  ];
}
