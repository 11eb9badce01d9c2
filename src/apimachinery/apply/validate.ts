// validate: whether a configuration fits its type, in upstream's words; the only look at types that an applied configuration gets.
import { isJsonObject, type Json, type JsonObject } from '../json.js';
import { describeElement, fieldElement } from './elements.js';
import { ItemError, itemElement } from './shape.js';
import type { ApplyList, ApplyMap, ApplyScalar, ApplyType } from './type.js';

/** What is wrong with the configuration, as one text; undefined where nothing is. Live objects may have duplicates, these may not. */
export function misfit(type: ApplyType, config: JsonObject): string | undefined {
  const errors: string[] = [];
  check(type, config, '', errors);
  if (errors.length <= 1) return errors[0];
  return ['errors:', ...errors.map((error) => `  ${error}`)].join('\n');
}

function check(type: ApplyType, value: Json, path: string, errors: string[]): void {
  const wrong = (message: string) => errors.push(path ? `${path}: ${message}` : message);
  if (value === null) return;
  if (Array.isArray(value) && type.list) checkItems(type.list, value, path, errors);
  else if (isJsonObject(value) && type.map) checkMembers(type.map, value, path, errors);
  else if (type.scalar && (typeof value !== 'object' || !type.map)) {
    const message = scalarMisfit(type.scalar, value);
    if (message) wrong(message);
  } else if (type.map) wrong(`expected map, got ${goStruct(value)}`);
  else if (type.list) wrong(`expected list, got ${goStruct(value)}`);
}

function checkMembers(map: ApplyMap, value: JsonObject, path: string, errors: string[]): void {
  for (const name of Object.keys(value)) {
    const inner = value[name];
    if (inner === undefined) continue;
    const at = path + describeElement(fieldElement(name));
    const type = map.fields.get(name)?.type ?? map.other;
    if (!type) {
      // As upstream: nothing more is looked at in this map.
      errors.push(`${at}: field not declared in schema`);
      return;
    }
    check(type, inner, at, errors);
  }
}

function checkItems(list: ApplyList, items: readonly Json[], path: string, errors: string[]): void {
  const seen = new Set<string>();
  for (let i = 0; i < items.length; i++) {
    const item = items[i]!;
    if (list.type === 'atomic') {
      check(list.item, item, `${path}[${i}]`, errors);
      continue;
    }
    try {
      const element = itemElement(list, item);
      if (seen.has(element)) errors.push(`${path}: duplicate entries for key ${describeElement(element)}`);
      seen.add(element);
      check(list.item, item, path + describeElement(element), errors);
    } catch (error) {
      if (!(error instanceof ItemError)) throw error;
      errors.push(`${path}: element ${i}: ${error.message}`);
      return;
    }
  }
}

function scalarMisfit(scalar: ApplyScalar, value: Json): string | undefined {
  switch (scalar) {
    case 'numeric':
      return typeof value === 'number' ? undefined : `expected numeric (int or float), got ${goType(value)}`;
    case 'string':
      return typeof value === 'string' ? undefined : `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `expected boolean, got ${goStruct(value)}`;
    default:
      return typeof value === 'object' ? `expected any scalar, got ${goStruct(value)}` : undefined;
  }
}

function goType(value: Json): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'object') return 'map[string]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : 'string';
}

const goStruct = (value: Json): string => `&{${goPlain(value)}}`;

/** Go's %v. */
export function goPlain(value: Json): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goPlain).join(' ')}]`;
  if (!isJsonObject(value)) return String(value);
  const entries = Object.keys(value).sort();
  return `map[${entries.map((name) => `${name}:${goPlain(value[name]!)}`).join(' ')}]`;
}

/** Go's %#v. */
function goSyntax(value: Json): string {
  if (value === null) return 'interface {}(nil)';
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`;
  if (!isJsonObject(value)) return String(value);
  const entries = Object.keys(value).sort();
  return `map[string]interface {}{${entries.map((name) => `${JSON.stringify(name)}:${goSyntax(value[name]!)}`).join(', ')}}`;
}
