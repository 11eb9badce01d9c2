// Printer columns and cell formats that several kinds share, as upstream's table printers write them.
import { selectorOf } from '../apimachinery/labels.js';
import type { KubeObject } from '../apimachinery/object.js';
import { ageOf } from '../apimachinery/table.js';
import type { LabelSelector } from '../apimachinery/types/meta_v1.js';
import type { Column } from './define.js';
import type { PodTemplateSpec } from './types/core_v1.js';

export const NONE = '<none>';
export const UNSET = '<unset>';

/** Lists in cells show this many items, then how many more there are: rows stay on one line. */
const MAX_ITEMS = 3;

/** A column that is always shown. */
export const column = <T>(name: string, type: Column<T>['type'], description: string, cell: Column<T>['cell']): Column<T> => ({
  name,
  type,
  description,
  cell,
});

export const nameColumn: Column<KubeObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'The name of the object, unique within its namespace and kind',
  cell: (object) => object.metadata.name,
};

export const ageColumn: Column<KubeObject> = {
  name: 'Age',
  type: 'string',
  description: 'How long ago the object was created',
  cell: (object, now_ms) => ageOf(object.metadata.creationTimestamp, now_ms),
};

/** Booleans that may be left open, as upstream's tables have them. */
export const formatBool = (value: boolean | undefined): string => (value === undefined ? UNSET : value ? 'True' : 'False');

/** Containers and Images of a pod template, for `-o wide`. */
export function templateColumns<T>(template: (object: T) => PodTemplateSpec | undefined): readonly Column<T>[] {
  const list = (object: T, field: 'name' | 'image') => (template(object)?.spec.containers ?? []).map((c) => c[field] ?? '').join(',');
  return [
    {
      name: 'Containers',
      type: 'string',
      priority: 1,
      description: 'The names of the containers in the template',
      cell: (object) => list(object, 'name'),
    },
    {
      name: 'Images',
      type: 'string',
      priority: 1,
      description: 'The images of the containers in the template',
      cell: (object) => list(object, 'image'),
    },
  ];
}

/** Selector, for `-o wide`. */
export function selectorColumn<T>(format: (object: T) => string): Column<T> {
  return { name: 'Selector', type: 'string', priority: 1, description: 'The labels by which pods are chosen', cell: format };
}

/** `app=web,tier=front`, keys in order; `<none>` if empty. */
export function formatLabels(labels: { readonly [key: string]: string } | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? NONE : pairs.sort().join(',');
}

/** A label selector in kubectl's syntax; `<none>` if it is absent or selects everything. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  const parsed = selector && selectorOf(selector);
  return !parsed || parsed.empty ? NONE : parsed.toString();
}

/** `a,b,c + 2 more...`; `empty` where there is nothing. */
export function formatList(items: readonly string[], empty: string): string {
  return items.length === 0 ? empty : formatCount(items, items.length);
}

/** As `formatList` where `total` are counted, not all of which need be worth showing. */
export function formatCount(items: readonly string[], total: number): string {
  const shown = items.slice(0, MAX_ITEMS).join(',');
  return items.length >= MAX_ITEMS && total > MAX_ITEMS ? `${shown} + ${total - MAX_ITEMS} more...` : shown;
}
