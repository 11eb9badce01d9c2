// meta.k8s.io/v1 Table: what `kubectl get` prints, rows and all.
import type { JsonObject } from './json.js';
import type { KubeObject } from './object.js';
import type { ObjectMeta } from './types/meta_v1.js';

export interface TableColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly priority?: number;
  readonly format?: string;
  readonly description: string;
  cell(object: KubeObject, now_ms: number): string | number | boolean | null;
}

/** What a table needs to know of a kind; every Kind satisfies it. */
export interface TableKind {
  readonly columns?: readonly TableColumn[];
}

export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** The versions of meta.k8s.io, which differ in name only. */
export type MetaVersion = 'v1' | 'v1beta1';

export interface TableOptions {
  /** v1 if absent. */
  readonly metaVersion?: MetaVersion;
  /** Ages are counted from this wall time. */
  readonly now_ms: number;
  /** Of the list or of the one object. */
  readonly resourceVersion: string;
  /** What each row carries besides its cells; Metadata if absent. */
  readonly includeObject?: IncludeObject;
  /** Of a page that is not the last. */
  readonly continue?: string;
  readonly remainingItemCount?: number;
  /** Watch events after the first leave the column definitions out. */
  readonly withoutColumns?: boolean;
}

export interface TableColumnDefinition {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}

export interface TableRow {
  readonly cells: readonly (string | number | boolean | null)[];
  readonly object?: JsonObject | PartialObjectMetadata | KubeObject;
}

export interface PartialObjectMetadata {
  readonly kind: 'PartialObjectMetadata';
  readonly apiVersion: `meta.k8s.io/${MetaVersion}`;
  readonly metadata: ObjectMeta;
}

export interface Table {
  readonly kind: 'Table';
  readonly apiVersion: `meta.k8s.io/${MetaVersion}`;
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string; readonly remainingItemCount?: number };
  readonly columnDefinitions: readonly TableColumnDefinition[];
  readonly rows: readonly TableRow[];
}

const NAME_COLUMN: TableColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'The name of the object, unique among its kind in its namespace.',
  cell: (object) => object.metadata.name,
};

const AGE_COLUMN: TableColumn = {
  name: 'Age',
  type: 'string',
  description: 'The time since the object was created.',
  cell: (object, now_ms) => ageOf(object.metadata.creationTimestamp, now_ms),
};

/** Name and Age around a kind's own columns, those of wide output last; a kind that has a Name column supplies all itself. */
export function columnsOf(kind: TableKind): readonly TableColumn[] {
  const own = kind.columns ?? [];
  if (own.some((column) => column.name === 'Name')) return own;
  return [NAME_COLUMN, ...own.filter((c) => !c.priority), AGE_COLUMN, ...own.filter((c) => c.priority)];
}

/** The objects as a Table: one for a list, one for a single object, one for each watch event. */
export function tableOf(kind: TableKind, objects: readonly KubeObject[], options: TableOptions): Table {
  const columns = columnsOf(kind);
  const { resourceVersion, remainingItemCount, metaVersion = 'v1' } = options;
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${metaVersion}`,
    metadata: {
      resourceVersion,
      ...(options.continue ? { continue: options.continue } : {}),
      ...(remainingItemCount !== undefined ? { remainingItemCount } : {}),
    },
    columnDefinitions: options.withoutColumns ? [] : columns.map(definitionOf),
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.cell(object, options.now_ms)),
      ...carriedObject(object, options.includeObject ?? 'Metadata', metaVersion),
    })),
  };
}

/** The object with its metadata only, as rows carry it and as metadata-only clients ask for it. */
export function partialObjectMetadata(object: KubeObject, version: MetaVersion = 'v1'): PartialObjectMetadata {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}

function carriedObject(object: KubeObject, include: IncludeObject, version: MetaVersion): Pick<TableRow, 'object'> {
  if (include === 'None') return {};
  return { object: include === 'Object' ? object : partialObjectMetadata(object, version) };
}

function definitionOf(column: TableColumn): TableColumnDefinition {
  const { name, type, description } = column;
  return { name, type, format: column.format ?? '', description, priority: column.priority ?? 0 };
}

/** How long ago a timestamp was, as `kubectl get` shows it; `<unknown>` without one. */
export function ageOf(timestamp: string | null | undefined, now_ms: number): string {
  const then_ms = timestamp ? Date.parse(timestamp) : Number.NaN;
  return Number.isNaN(then_ms) ? '<unknown>' : humanDuration(now_ms - then_ms);
}

/** How long something lasted, or has lasted by now. */
export const durationBetween = (start: string, end: string | undefined, now_ms: number): string =>
  humanDuration((end ? Date.parse(end) : now_ms) - Date.parse(start));

/** A duration in the one or two units that matter: `45s`, `5m30s`, `3h`, `2d4h`, `1y30d`. */
export function humanDuration(duration_ms: number): string {
  const seconds = Math.trunc(duration_ms / 1000);
  // Clocks of two machines differ a little; a lot of future is a fault to be seen.
  if (seconds < -1) return '<invalid>';
  if (seconds <= 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return twoUnits(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return twoUnits(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 24 * 8) return twoUnits(days, 'd', hours % 24, 'h');
  if (hours < 24 * 365 * 2) return `${days}d`;
  const years = Math.floor(days / 365);
  if (hours < 24 * 365 * 8) return twoUnits(years, 'y', days % 365, 'd');
  return `${years}y`;
}

const twoUnits = (big: number, bigUnit: string, small: number, smallUnit: string) =>
  small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${small}${smallUnit}`;
