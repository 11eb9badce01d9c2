// Admission: the plugins' contract, and the pipeline that asks them about every write before it is stored.
import type { KubeObject } from '../../apimachinery/object.js';
import type { Mutable } from '../../kinds/define.js';
import type { ApiContext } from '../context.js';
import type { UserInfo } from '../options.js';
import type { Resource } from '../resources.js';

export type AdmissionOperation = 'CREATE' | 'UPDATE' | 'DELETE';

export interface AdmissionRequest {
  readonly operation: AdmissionOperation;
  readonly resource: Resource;
  /** Undefined for the object itself. */
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  /** Empty where it is yet to be generated. */
  readonly name: string;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** The object before it; undefined for a creation. */
  readonly old: KubeObject | undefined;
}

export interface AdmissionPlugin {
  /** Upstream's name. */
  readonly name: string;
  readonly operations: readonly AdmissionOperation[];
  /** Plural names of the core resources it is about; absent: all resources. */
  readonly resources?: readonly string[];
  /** May change the object, which is still ours alone. Throws a StatusError to refuse. */
  admit?(request: AdmissionRequest, object: Mutable<KubeObject>, context: ApiContext): Promise<void> | void;
  /** Sees the object as it will be stored (undefined for deletions). Throws a StatusError to refuse. */
  validate?(request: AdmissionRequest, object: KubeObject | undefined, context: ApiContext): Promise<void> | void;
}

export class Admission {
  constructor(private readonly plugins: readonly AdmissionPlugin[]) {}

  async admit(request: AdmissionRequest, object: Mutable<KubeObject>, context: ApiContext): Promise<void> {
    for (const plugin of this.plugins) if (plugin.admit && handles(plugin, request)) await plugin.admit(request, object, context);
  }

  async validate(request: AdmissionRequest, object: KubeObject | undefined, context: ApiContext): Promise<void> {
    for (const plugin of this.plugins) if (plugin.validate && handles(plugin, request)) await plugin.validate(request, object, context);
  }
}

function handles(plugin: AdmissionPlugin, { operation, resource }: AdmissionRequest): boolean {
  if (!plugin.operations.includes(operation)) return false;
  return !plugin.resources || (resource.kind.group === '' && plugin.resources.includes(resource.kind.plural));
}
