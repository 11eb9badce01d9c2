// What the tests show of a pod's fields: which fields there are, from the kinds' own schema, and how a test says which of them it shows.
import type { TestContext } from 'vitest';
import type { Field, ObjectSchema } from '../../src/apimachinery/schema.js';
import { schemas } from '../../src/kinds/index.js';

/** A test that shows what a field does or, with `refused`, that it is refused in these words. */
export interface ShownField {
  readonly field: string;
  readonly refused?: string;
}

declare module 'vitest' {
  interface TaskMeta {
    fields?: readonly ShownField[];
  }
}

/** Types that are looked at as one field: the scheduler's terms, and objects of their own. */
const WHOLE = new Set(['core.v1.NodeAffinity', 'core.v1.PodAffinity', 'core.v1.PodAntiAffinity', 'core.v1.PersistentVolumeClaimTemplate']);

/** Init and ephemeral containers go the same way as `containers`: of them, only what is theirs is looked at more closely. */
const SHALLOW = new Set(['spec.initContainers[]', 'spec.ephemeralContainers[]']);

/** Every field that holds a value, by its path: `spec.containers[].livenessProbe.grpc.port`. */
export function podFields(): readonly string[] {
  return [...leaves('spec', schemas.get('core.v1.PodSpec'))];
}

function* leaves(path: string, { fields }: ObjectSchema): Iterable<string> {
  for (const field of fields.values()) {
    const own = `${path}.${field.name}${field.of === 'list' && field.object ? '[]' : ''}`;
    if (isLeaf(path, field)) yield own;
    else yield* leaves(own, field.object!);
  }
}

function isLeaf(parent: string, { object }: Field): boolean {
  return !object?.id.startsWith('core.') || object.fields.size === 0 || WHOLE.has(object.id) || SHALLOW.has(parent);
}

const known = new Set(podFields());

/**
 * To be called by a test with its own context: it holds if the test passes. Braces stand for several paths:
 * `spec.containers[].{livenessProbe,readinessProbe}.periodSeconds`.
 */
export function showsFields({ task }: TestContext, ...patterns: readonly string[]): void {
  const fields = patterns.flatMap(alternatives);
  for (const field of fields) if (!known.has(field)) throw new Error(`a pod has no field ${field}, or it is no single one`);
  task.meta.fields = [...(task.meta.fields ?? []), ...fields.map((field) => ({ field }))];
}

/** The same of fields that are refused, each with all that is below it. */
export function refusesFields({ task }: TestContext, words: string, ...patterns: readonly string[]): void {
  const fields = patterns.flatMap(alternatives);
  for (const field of fields) if (!podFields().some((each) => covers(field, each))) throw new Error(`a pod has no field ${field}`);
  task.meta.fields = [...(task.meta.fields ?? []), ...fields.map((field) => ({ field, refused: words }))];
}

/** A refused field takes with it what is below it. */
export const covers = (refused: string, field: string) =>
  field === refused || field.startsWith(`${refused}.`) || field.startsWith(`${refused}[]`);

function alternatives(pattern: string): readonly string[] {
  const group = /^([^{]*)\{([^}]*)\}(.*)$/.exec(pattern);
  if (!group) return [pattern];
  const [, before, choices, after] = group as unknown as [string, string, string, string];
  return choices.split(',').flatMap((choice) => alternatives(`${before}${choice}${after}`));
}
