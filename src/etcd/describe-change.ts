// One change of the store as a line of text: revision, what happened, the key, and for JSON values which fields are other than before.
import type { Key, KeyEvent } from './backend.js';

/** More fields than this say no more than their number. */
const FIELDS_MAX = 8;

export const keyOfText = (text: string): Key => Buffer.from(text).toString('latin1');
/** Readable where it is UTF-8 without control characters; quoted otherwise. */
export function textOfKey(key: Key): string {
  const text = Buffer.from(key, 'latin1').toString();
  const isReadable = /^[^\p{C}\s]+$/u.test(text) && !text.includes('\ufffd');
  return isReadable ? text : JSON.stringify(key);
}

/** `12  put     /registry/pods/default/web  version 3, 812 bytes, lease 7f: status.phase, status.podIP`. */
export function describeChange({ type, kv, prevKv }: KeyEvent): string {
  const head = `${kv.modRevision}\t${type === 'delete' ? 'delete' : kv.version === 1 ? 'create' : 'update'}\t${textOfKey(kv.key)}`;
  if (type === 'delete') return head;
  const lease = kv.lease === 0n ? '' : `, lease ${kv.lease.toString(16)}`;
  return `${head}\tversion ${kv.version}, ${kv.value.length} bytes${lease}${fieldsText(prevKv?.value, kv.value)}`;
}

function fieldsText(before: Uint8Array | undefined, after: Uint8Array): string {
  const [old, now] = [before && objectOf(before), objectOf(after)];
  if (!old || !now) return '';
  const fields = [...changedFields(old, now, '')];
  if (fields.length === 0) return ': no field';
  return fields.length > FIELDS_MAX ? `: ${fields.length} fields` : `: ${fields.join(', ')}`;
}

type Fields = { readonly [name: string]: unknown };
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

function objectOf(bytes: Uint8Array): Fields | undefined {
  if (bytes[0] !== 0x7b) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Paths of what is other; a list counts as one field. */
function* changedFields(before: Fields, after: Fields, path: string): Generator<string> {
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [a, b] = [before[name], after[name]];
    if (isFields(a) && isFields(b)) yield* changedFields(a, b, `${path}${name}.`);
    else if (JSON.stringify(a) !== JSON.stringify(b)) yield path + name;
  }
}
