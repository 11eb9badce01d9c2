// Conflicts: fields that an applier wants otherwise than their managers left them, and the 409 that names each.
import { StatusError } from '../status.js';
import { compareTexts, type Entry } from './entries.js';
import { describePath, difference, EMPTY, type FieldPath, type FieldSet, isEmpty, pathsOf, union } from './field-set.js';

/** What one manager owns of the fields in question. */
export interface Conflict {
  readonly entry: Entry;
  readonly fields: FieldSet;
}

export class ConflictError extends Error {
  override readonly name = 'ConflictError';
  constructor(readonly conflicts: readonly Conflict[]) {
    super('conflicts');
  }

  get fields(): FieldSet {
    return this.conflicts.reduce((set, { fields }) => union(set, fields), EMPTY);
  }

  /** Without the fields of `allowed`; undefined where nothing is left. */
  without(allowed: FieldSet): ConflictError | undefined {
    const left = this.conflicts.map(({ entry, fields }) => ({ entry, fields: difference(fields, allowed) }));
    const conflicts = left.filter(({ fields }) => !isEmpty(fields));
    return conflicts.length > 0 ? new ConflictError(conflicts) : undefined;
  }

  toStatus(): StatusError {
    const conflicts = [...this.conflicts].sort((a, b) => compareTexts(sortKey(a.entry), sortKey(b.entry)));
    const each = conflicts.flatMap(({ entry, fields }) => pathsOf(fields).map((path) => ({ who: describeManager(entry), path })));
    const causes = each.map(({ who, path }) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${who}`,
      field: describePath(path),
    }));
    return new StatusError(409, 'Conflict', messageOf(each), { causes });
  }
}

function messageOf(each: readonly { readonly who: string; readonly path: FieldPath }[]): string {
  const [first] = each;
  if (each.length === 1) return `Apply failed with 1 conflict: conflict with ${first!.who}: ${describePath(first!.path)}`;
  const lines: string[] = [];
  let who: string | undefined;
  for (const conflict of each) {
    if (conflict.who !== who) lines.push(`conflicts with ${conflict.who}:`);
    who = conflict.who;
    lines.push(`- ${describePath(conflict.path)}`);
  }
  return `Apply failed with ${each.length} conflicts: ${lines.join('\n')}`;
}

const sortKey = ({ manager, operation, apiVersion, subresource }: Entry): string =>
  JSON.stringify({ manager, operation, apiVersion: operation === 'Apply' ? undefined : apiVersion, subresource });

/** `"kubectl" using apps/v1`, `"hpa" with subresource "scale" using apps/v1`; an applier only by name. */
function describeManager({ manager, operation, apiVersion, subresource }: Entry): string {
  const name = JSON.stringify(manager ?? '') + (subresource ? ` with subresource ${JSON.stringify(subresource)}` : '');
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}
