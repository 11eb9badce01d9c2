// Admission: the plugins' contract, and the pipeline that asks them about every write and connection before it happens.
import type { KubeObject } from '../../apimachinery/object.js';
import { forbiddenRequest, type StatusError } from '../../apimachinery/status.js';
import type { AnyKind, Mutable } from '../../kinds/define.js';
import type { BodyKind } from '../body.js';
import type { ApiContext } from '../context.js';
import type { Exchange } from '../exchange.js';
import type { Resource } from '../resources.js';

/** As upstream: a POST to a subresource with a body of its own is a CREATE, a stream is a CONNECT. */
export type AdmissionOperation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface AdmissionRequest {
  readonly operation: AdmissionOperation;
  readonly resource: Resource;
  /** Undefined for the object itself. */
  readonly subresource: string | undefined;
  /** What the object is: of the resource's own kind, or a subresource's body or options. */
  readonly kind: BodyKind;
  readonly namespace: string | undefined;
  /** Empty where it is yet to be generated. */
  readonly name: string;
  /** Who asks, what else the request says, and where warnings go. */
  readonly exchange: Exchange;
  readonly dryRun: boolean;
  /** What a deletion was asked for with; other options are in the query. */
  readonly options?: object;
  /** The object before it; undefined for what is new. */
  readonly old: KubeObject | undefined;
}

export interface AdmissionPlugin {
  /** Upstream's name. */
  readonly name: string;
  readonly operations: readonly AdmissionOperation[];
  /** Resources it is about, as `pods` or `ingresses.networking.k8s.io`; absent: all. */
  readonly resources?: readonly string[];
  /** May change the object, which is still ours alone; there is none for deletions. Throws a StatusError to refuse. */
  admit?(
    request: AdmissionRequest,
    object: Mutable<KubeObject> | undefined,
    context: ApiContext,
    rounds: AdmissionRounds,
  ): Promise<void> | void;
  /** Sees the object as it will be stored (undefined for deletions). Throws a StatusError to refuse. */
  validate?(request: AdmissionRequest, object: KubeObject | undefined, context: ApiContext): Promise<void> | void;
}

/** All plugins are asked a second time, and no more often, where one changed what earlier ones have seen. */
export class AdmissionRounds {
  second = false;
  wantsSecond = false;
  #memory: Map<AdmissionPlugin, unknown> | undefined;

  /** What plugins remember of the first round. */
  get memory(): Map<AdmissionPlugin, unknown> {
    this.#memory ??= new Map();
    return this.#memory;
  }
}

interface Plan {
  readonly admit: readonly AdmissionPlugin[];
  readonly validate: readonly AdmissionPlugin[];
}

export class Admission {
  readonly #plans = new WeakMap<AnyKind, { [O in AdmissionOperation]?: Plan }>();

  constructor(private readonly plugins: readonly AdmissionPlugin[]) {}

  async admit(request: AdmissionRequest, object: Mutable<KubeObject> | undefined, context: ApiContext): Promise<void> {
    const { admit } = this.#plan(request);
    if (admit.length === 0) return;
    const rounds = new AdmissionRounds();
    await askAll(admit, request, object, context, rounds);
    if (!rounds.wantsSecond) return;
    rounds.second = true;
    await askAll(admit, request, object, context, rounds);
  }

  async validate(request: AdmissionRequest, object: KubeObject | undefined, context: ApiContext): Promise<void> {
    for (const plugin of this.#plan(request).validate) {
      const pending = plugin.validate!(request, object, context);
      if (pending) await pending;
    }
  }

  /** Both, for what is not stored: the bodies of actions, and connections. */
  async both(request: AdmissionRequest, object: Mutable<KubeObject>, context: ApiContext): Promise<void> {
    await this.admit(request, object, context);
    await this.validate(request, object as KubeObject, context);
  }

  #plan({ operation, resource: { kind } }: AdmissionRequest): Plan {
    let ofKind = this.#plans.get(kind);
    if (!ofKind) this.#plans.set(kind, (ofKind = {}));
    return (ofKind[operation] ??= this.#makePlan(operation, kind));
  }

  #makePlan(operation: AdmissionOperation, { plural, group }: AnyKind): Plan {
    const name = group ? `${plural}.${group}` : plural;
    const asked = this.plugins.filter((plugin) => plugin.operations.includes(operation) && (plugin.resources?.includes(name) ?? true));
    return { admit: asked.filter(({ admit }) => admit), validate: asked.filter(({ validate }) => validate) };
  }
}

/** Most have nothing to wait for. */
async function askAll(
  plugins: readonly AdmissionPlugin[],
  request: AdmissionRequest,
  object: Mutable<KubeObject> | undefined,
  context: ApiContext,
  rounds: AdmissionRounds,
): Promise<void> {
  for (const plugin of plugins) {
    const pending = plugin.admit!(request, object, context, rounds);
    if (pending) await pending;
  }
}

/** Throws the refusal. */
export type Refuse = (why: string) => never;

/** 403 in upstream's words. An object whose name is yet to be generated goes by what it has of one. */
export function refusal({ resource, name }: AdmissionRequest, object: KubeObject | undefined, why: string): StatusError {
  const { name: generated, generateName } = object?.metadata ?? {};
  return forbiddenRequest(resource.kind.groupResource, name || generated || generateName || 'Unknown', why);
}
