// JSON patch (RFC 6902): a list of operations, all or none.
import { isDeepStrictEqual } from 'node:util';
import { cloneJson, type MutableJson, type MutableJsonObject, setMember } from '../clone.js';
import { isJsonObject, type Json, type JsonObject } from '../json.js';
import { badRequest, StatusError } from '../status.js';

/** Upstream's limit. */
const OPERATIONS_MAX = 10_000;
/** Bytes of JSON that `copy` operations may add: what one request body may hold, so that copies of copies stay bounded. */
const COPIED_BYTES_MAX = 3 * 1024 * 1024;

/** The document being patched; `root` is held so that even the whole can be replaced. */
interface Target {
  root: MutableJson;
  copied_bytes: number;
}

/** `doc` with all operations applied; `doc` is not changed. Throws StatusError: 400 for a malformed patch, 413 for too long a one, 422 for one that fails. */
export function applyJsonPatch(doc: JsonObject, patch: Json): MutableJsonObject {
  if (!Array.isArray(patch)) throw badRequest('a JSON patch must be a list of operations');
  if (patch.length > OPERATIONS_MAX) {
    const why = `The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${patch.length}`;
    throw new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: ${why}`);
  }
  const target: Target = { root: cloneJson(doc), copied_bytes: 0 };
  for (const operation of patch as readonly Json[]) applyOperation(target, operation);
  if (!isJsonObject(target.root)) throw rejected('the patched document is no object');
  return target.root as MutableJsonObject;
}

function applyOperation(target: Target, operation: Json): void {
  if (!isJsonObject(operation)) throw badRequest('each operation of a JSON patch must be an object');
  const op = operation['op'];
  const apply = typeof op === 'string' ? OPERATIONS.get(op) : undefined;
  if (!apply) throw badRequest(`unexpected kind of JSON patch operation: ${JSON.stringify(op ?? null)}`);
  apply(target, pointer(operation, 'path'), operation);
}

type Operation = (target: Target, path: readonly string[], operation: JsonObject) => void;

const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['add', (target, path, operation) => add(target, path, operand(operation))],
  ['remove', (target, path) => void remove(target, path)],
  ['replace', replace],
  ['move', move],
  ['copy', copy],
  ['test', test],
]);

function replace(target: Target, path: readonly string[], operation: JsonObject): void {
  get(target, path);
  set(target, path, operand(operation));
}

function move(target: Target, path: readonly string[], operation: JsonObject): void {
  const from = pointer(operation, 'from');
  if (path.length > from.length && from.every((part, i) => path[i] === part)) throw rejected(`cannot move ${show(from)} into itself`);
  add(target, path, remove(target, from));
}

function copy(target: Target, path: readonly string[], operation: JsonObject): void {
  const value = cloneJson(get(target, pointer(operation, 'from')));
  target.copied_bytes += JSON.stringify(value).length;
  if (target.copied_bytes > COPIED_BYTES_MAX) throw rejected(`copy operations add more than ${COPIED_BYTES_MAX} bytes`);
  add(target, path, value);
}

/** A value that is missing counts as null, on either side. */
function test(target: Target, path: readonly string[], operation: JsonObject): void {
  const expected = cloneJson(operation['value'] ?? null);
  if (!isDeepStrictEqual(find(target, path) ?? null, expected)) throw rejected(`testing value ${show(path)} failed`);
}

function pointer(operation: JsonObject, member: 'path' | 'from'): string[] {
  const text = operation[member];
  if (typeof text !== 'string' || (text !== '' && !text.startsWith('/'))) {
    throw badRequest(`a JSON patch operation needs a "${member}" that is empty or starts with /, got ${JSON.stringify(text ?? null)}`);
  }
  return text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function operand(operation: JsonObject): MutableJson {
  if (operation['value'] === undefined) throw badRequest(`a JSON patch operation "${operation['op']}" needs a "value"`);
  return cloneJson(operation['value']);
}

function get(target: Target, path: readonly string[]): MutableJson {
  const value = find(target, path);
  if (value === undefined) throw missing(path);
  return value;
}

function find(target: Target, path: readonly string[]): MutableJson | undefined {
  let value: MutableJson | undefined = target.root;
  for (const part of path) value = child(value, part);
  return value;
}

function child(parent: MutableJson | undefined, part: string): MutableJson | undefined {
  if (Array.isArray(parent)) return parent[index(part, parent.length - 1)];
  return isJsonObject(parent) && Object.hasOwn(parent, part) ? parent[part] : undefined;
}

/** Puts `value` in place of what is there. */
function set(target: Target, path: readonly string[], value: MutableJson): void {
  const last = path.at(-1);
  if (last === undefined) target.root = value;
  else {
    const parent = get(target, path.slice(0, -1));
    if (Array.isArray(parent)) parent[index(last, parent.length - 1)] = value;
    else setMember(parent as MutableJsonObject, last, value);
  }
}

function add(target: Target, path: readonly string[], value: MutableJson): void {
  const last = path.at(-1);
  const parent = last === undefined ? undefined : get(target, path.slice(0, -1));
  if (last !== undefined && Array.isArray(parent)) parent.splice(last === '-' ? parent.length : index(last, parent.length), 0, value);
  else if (parent === undefined || isJsonObject(parent)) set(target, path, value);
  else throw missing(path);
}

function remove(target: Target, path: readonly string[]): MutableJson {
  const last = path.at(-1);
  if (last === undefined) throw rejected('cannot remove the whole document');
  const value = get(target, path);
  const parent = get(target, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(index(last, parent.length - 1), 1);
  else delete (parent as MutableJsonObject)[last];
  return value;
}

function index(part: string, max: number): number {
  const i = /^(0|[1-9]\d{0,8})$/.test(part) ? Number(part) : Number.NaN;
  if (!(i <= max)) throw rejected(`invalid array index: ${part}`);
  return i;
}

const show = (path: readonly string[]) => JSON.stringify(path.map((part) => `/${part}`).join(''));
const missing = (path: readonly string[]) => rejected(`path ${show(path)} does not exist`);

/** A well-formed patch that this document does not take; without causes, as kubectl then prints the message, which it would not. */
const rejected = (why: string) =>
  new StatusError(422, 'Invalid', `the server rejected our request due to an error in our request: ${why}`, {});
