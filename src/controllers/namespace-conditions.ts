// What a namespace that is being deleted says of how far that is: upstream's five conditions. Pure.
import type { KubeObject } from '../apimachinery/object.js';
import type { AnyKind } from '../kinds/define.js';
import type { NamespaceCondition } from '../kinds/types/core_v1.js';

export interface Progress {
  /** `group/version`s whose resources cannot be known. */
  readonly undiscovered: readonly string[];
  /** Why objects could not be deleted. */
  readonly failures: readonly string[];
  readonly remaining: ReadonlyMap<AnyKind, readonly KubeObject[]>;
}

type Finding = readonly [
  type: string,
  why: { readonly reason: string; readonly message: string } | undefined,
  well: string,
  wellMessage: string,
];

/** Those of `before` that still hold keep their time. */
export function deletionConditions(progress: Progress, before: readonly NamespaceCondition[], now: string): readonly NamespaceCondition[] {
  const conditions = findings(progress).map(([type, why, reason, message]): NamespaceCondition => {
    const status = why ? 'True' : 'False';
    const known = before.find((condition) => condition.type === type);
    const lastTransitionTime = known?.status === status ? (known.lastTransitionTime ?? now) : now;
    return { type, status, reason, message, ...why, lastTransitionTime };
  });
  const types = new Set(conditions.map(({ type }) => type));
  return [...before.filter(({ type }) => !types.has(type)), ...conditions];
}

function findings({ undiscovered, failures, remaining }: Progress): readonly Finding[] {
  return [
    ['NamespaceDeletionDiscoveryFailure', discoveryFailed(undiscovered), 'ResourcesDiscovered', 'All resources successfully discovered'],
    ['NamespaceDeletionGroupVersionParsingFailure', undefined, 'ParsedGroupVersions', 'All legacy kube types successfully parsed'],
    [
      'NamespaceDeletionContentFailure',
      failures.length > 0
        ? {
            reason: 'ContentDeletionFailed',
            message: `Failed to delete all resource types, ${failures.length} remaining: ${failures.join(', ')}`,
          }
        : undefined,
      'ContentDeleted',
      'All content successfully deleted, may be waiting on finalization',
    ],
    ['NamespaceContentRemaining', contentRemains(remaining), 'ContentRemoved', 'All content successfully removed'],
    ['NamespaceFinalizersRemaining', finalizersRemain(remaining), 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
  ];
}

function discoveryFailed(undiscovered: readonly string[]): Finding[1] {
  if (undiscovered.length === 0) return undefined;
  const each = undiscovered.map((name) => `${name}: stale GroupVersion discovery: ${name}`).join(', ');
  const message = `Discovery failed for some groups, ${undiscovered.length} failing: unable to retrieve the complete list of server APIs: ${each}`;
  return { reason: 'DiscoveryFailed', message };
}

/** `pods. has 3 resource instances`, as upstream words it. */
function contentRemains(remaining: Progress['remaining']): Finding[1] {
  if (remaining.size === 0) return undefined;
  const parts = [...remaining].map(([{ group, plural }, objects]) => `${plural}.${group} has ${objects.length} resource instances`);
  return { reason: 'SomeResourcesRemain', message: `Some resources are remaining: ${parts.sort().join(', ')}` };
}

function finalizersRemain(remaining: Progress['remaining']): Finding[1] {
  const counts = new Map<string, number>();
  for (const { metadata } of [...remaining.values()].flat())
    for (const finalizer of metadata.finalizers ?? []) counts.set(finalizer, (counts.get(finalizer) ?? 0) + 1);
  if (counts.size === 0) return undefined;
  const parts = [...counts].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`);
  return {
    reason: 'SomeFinalizersRemain',
    message: `Some content in the namespace has finalizers remaining: ${parts.sort().join(', ')}`,
  };
}
