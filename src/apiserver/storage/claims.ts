// Claims on numbers that only one object may hold: choosing free ones, and choosing again when another write was faster.
import { type KubeObject, objectKey } from '../../apimachinery/object.js';
import { invalidObject } from '../../apimachinery/status.js';
import type { Draft } from '../body.js';
import type { Claim } from '../extensions/extension.js';
import type { Resource } from '../resources.js';
import { Following, type Index } from './following.js';
import { type ClaimChange, ClaimTakenError } from './storage.js';

/** A free value is lost only to a concurrent write that got it; this often in a row means that something is wrong. */
const MAX_ATTEMPTS = 32;

export function claimsOf({ extension }: Resource, object: KubeObject): readonly Claim[] {
  return extension?.claims?.(object) ?? [];
}

export function claimChange(resource: Resource, old: KubeObject, next: KubeObject): ClaimChange {
  const [before, after] = [claimsOf(resource, old), claimsOf(resource, next)];
  const without = (claims: readonly Claim[], others: readonly Claim[]) =>
    claims.filter(({ key }) => !others.some((other) => other.key === key));
  return { take: without(after, before), release: without(before, after) };
}

/** What the objects of a resource claim, followed from the first time that a free value is looked for. */
class Claimed implements Index<KubeObject> {
  readonly #byObject = new Map<string, readonly string[]>();
  readonly followed: Following<KubeObject>;

  constructor(private readonly resource: Resource) {
    this.followed = new Following(resource, this);
  }

  *keys(): Generator<string> {
    for (const keys of this.#byObject.values()) yield* keys;
  }

  reset(objects: readonly KubeObject[]): void {
    this.#byObject.clear();
    for (const object of objects) this.set(object);
  }

  set(object: KubeObject): void {
    this.#byObject.set(
      objectKey(object),
      claimsOf(this.resource, object).map(({ key }) => key),
    );
  }

  delete(object: KubeObject): void {
    this.#byObject.delete(objectKey(object));
  }
}

const claimedBy = new WeakMap<Resource, Claimed>();

function claimedOf(resource: Resource): Claimed {
  const known = claimedBy.get(resource) ?? new Claimed(resource);
  claimedBy.set(resource, known);
  return known;
}

/** The draft with every open value chosen; the draft itself stays as it is. Throws 422 for values that nobody may have. */
export async function allocateClaims(
  resource: Resource,
  draft: Draft,
  old: KubeObject | undefined,
  avoid: ReadonlySet<string>,
): Promise<Draft> {
  const { extension, kind } = resource;
  if (!extension?.allocate) return draft;
  const errors = extension.validateClaims?.(draft as KubeObject, old) ?? [];
  if (errors.length > 0) throw invalidObject(kind.group, kind.kind, draft.metadata.name, errors);
  const claimed = claimedOf(resource);
  await claimed.followed.ready();
  const allocated = structuredClone(draft);
  let taken: Set<string> | undefined;
  extension.allocate(allocated, old, () => (taken ??= new Set([...avoid, ...claimed.keys()])));
  return allocated;
}

/**
 * Runs `attempt`, again with more to avoid when a value that it chose was taken meanwhile. A value that the client itself
 * asked for is refused with 422 instead. `asked` is the draft before anything was chosen.
 */
export async function withFreeClaims<R>(
  resource: Resource,
  asked: Draft | (() => Draft | undefined),
  attempt: (avoid: ReadonlySet<string>) => Promise<R>,
): Promise<R> {
  const avoid = new Set<string>();
  for (let left = MAX_ATTEMPTS; ; left--) {
    try {
      return await attempt(avoid);
    } catch (error) {
      if (!(error instanceof ClaimTakenError)) throw error;
      const draft = typeof asked === 'function' ? asked() : asked;
      const { kind } = resource;
      const wasAsked = draft !== undefined && claimsOf(resource, draft as KubeObject).some(({ key }) => key === error.claim.key);
      if (wasAsked || left <= 1) throw invalidObject(kind.group, kind.kind, draft?.metadata.name ?? '', [error.claim.error]);
      avoid.add(error.claim.key);
    }
  }
}
