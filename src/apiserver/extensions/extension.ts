// ResourceExtension: what a kind's storage does beyond the generic path: claims on shared numbers, finalizers kept
// outside metadata, fields that depend on who asks.
import type { FieldError } from '../../apimachinery/field.js';
import type { Draft } from '../../apimachinery/json.js';
import type { KubeObject } from '../../apimachinery/object.js';
import type { AnyKind, Mutable } from '../../kinds/define.js';
import type { ApiContext } from '../context.js';
import type { UserInfo } from '../options.js';

/** An object that shows a claim to clients. */
export interface Shown {
  /** Its key in etcd. */
  readonly key: string;
  /** The object as it is stored. */
  value(): Uint8Array;
}

/**
 * A number or address that only one object of the cluster may hold. It is a key in etcd that is written, compared and
 * removed in the same transaction as the object, so it is unique across races and restarts and never leaks.
 */
export interface Claim {
  readonly key: string;
  /** Written and removed with it; where there is one already, the claim is another's. */
  readonly shown?: Shown;
  /** What to answer when another object holds it. */
  readonly error: FieldError;
}

export interface RepairEvent {
  readonly reason: string;
  readonly message: string;
}

/** Which objects of a computed kind are asked for; absent: all. */
export interface AskedObjects {
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

export interface ResourceExtension<T extends KubeObject = KubeObject> {
  readonly kind: AnyKind;
  /** Fills in what depends on who asks; before defaults are read by anyone else. */
  prepareForCreate?(draft: Mutable<T>, user: UserInfo): void;
  /** Refuses with a StatusError what this user may not write though they may write the resource. `draft` has its defaults. */
  checkRights?(draft: T, old: T | undefined, user: UserInfo, context: ApiContext): void;
  /** Loads what validating `draft` needs and few clusters do. */
  load?(draft: T): Promise<unknown> | undefined;
  /** Chooses values for what the client left open, avoiding the claim keys in `taken`. Throws StatusError when none is left. */
  allocate?(draft: Mutable<T>, old: T | undefined, taken: () => ReadonlySet<string>): void;
  /** All that is wrong with what `draft` asks to claim. */
  validateClaims?(object: T, old: T | undefined): readonly FieldError[];
  /** The claims that `object` holds as it stands. */
  claims?(object: T): readonly Claim[];
  /** Where the objects are that show its claims, and which of those there are; for their repair. */
  readonly shown?: { readonly prefix: string; isOurs(object: KubeObject): boolean };
  /** Where the claims are, for their repair. */
  readonly claimPrefixes?: readonly string[];
  /** What an event says of an object whose claim had to be repaired, or is another object's. */
  readonly repairEvents?: { readonly [what in 'repaired' | 'conflicting']: (claim: Claim) => RepairEvent };
  /** What there is of a kind that is found out when somebody asks, and not stored: at least what is asked for. */
  compute?(context: ApiContext, asked: AskedObjects): Promise<readonly Draft<T>[]>;
  /** What besides metadata.finalizers keeps a deleted object. */
  finalizers?(object: T): readonly string[];
  /** What changes on the object when its deletion begins but cannot be completed yet. */
  beginDeletion?(draft: Mutable<T>): void;
}
