// Path elements as FieldsV1 spells them: `f:name`, `k:{"name":"a"}`, `v:"a"`, `i:0`; their order, and how messages show them.
import { isJsonObject, type Json, type JsonObject } from '../json.js';

/** In a node with children: the node itself is a member too. */
export const SELF = '.';

export const fieldElement = (name: string): string => `f:${name}`;
export const valueElement = (value: Json): string => `v:${encode(value)}`;

/** `keys` must be sorted; one that the item does not have is left out. */
export function keyElement(item: JsonObject, keys: readonly string[]): string {
  if (keys.length === 1) return `k:{${encode(keys[0]!)}:${encode(item[keys[0]!] ?? null)}}`;
  let text = '';
  for (const key of keys) {
    const value = item[key];
    if (value !== undefined) text += `${text ? ',' : ''}${encode(key)}:${encode(value)}`;
  }
  return `k:{${text}}`;
}

/** Most keys and values, which JSON writes as they are. */
const SAFE = /^[\w./:-]*$/;
const HTML = /[<>&\u2028\u2029]/;
const EACH_HTML = new RegExp(HTML, 'g');

/** JSON as Go writes it: with HTML's characters escaped. */
function encode(value: Json): string {
  if (typeof value === 'string' && SAFE.test(value)) return `"${value}"`;
  const text = JSON.stringify(value);
  return HTML.test(text) ? text.replace(EACH_HTML, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`) : text;
}

/**
 * The one spelling of an element that a client sent; undefined for types of elements that we do not know, which upstream drops.
 * Throws an Error for what is no element.
 */
export function canonicalElement(element: string): string | undefined {
  if (element.length < 2) throw new Error('key must be 2 characters long:');
  if (element[1] !== ':') throw new Error(`missing colon: ${element}`);
  const content = element.slice(2);
  switch (element[0]) {
    case 'f':
      return element;
    case 'v':
      return valueElement(JSON.parse(content) as Json);
    case 'k': {
      const fields = JSON.parse(content) as Json;
      if (!isJsonObject(fields)) throw new Error(`not an object: ${element}`);
      return keyElement(fields, Object.keys(fields).sort());
    }
    case 'i':
      if (!/^-?\d+$/.test(content)) throw new Error(`not an index: ${element}`);
      return `i:${Number(content)}`;
    default:
      return undefined;
  }
}

/** As conflicts and errors show it: `.name`, `[name="a"]`, `[="a"]`, `[0]`. */
export function describeElement(element: string): string {
  const content = element.slice(2);
  switch (element[0]) {
    case 'f':
      return `.${content}`;
    case 'k':
      return `[${Object.entries(JSON.parse(content) as JsonObject)
        .map(([key, value]) => `${key}=${describeValue(value!)}`)
        .join(',')}]`;
    case 'v':
      return `[=${describeValue(JSON.parse(content) as Json)}]`;
    default:
      return `[${content}]`;
  }
}

const describeValue = (value: Json): string => (value === null ? 'null' : JSON.stringify(value));

/** Sorts in place, as upstream does: fields by name, then keys, values and indices by what they say. */
export function sortElements(elements: string[]): string[] {
  if (elements.every(isPlain) || elements.every(isText)) return elements.sort();
  const parsed = new Map(elements.map((element) => [element, isPlain(element) ? undefined : (JSON.parse(element.slice(2)) as Json)]));
  return elements.sort((a, b) => compareElements(a, parsed.get(a), b, parsed.get(b)));
}

/** Quick to say yes of what is already in order; never wrongly, but it may say no of keys and values that are. */
export function isSorted(elements: readonly string[]): boolean {
  if (elements.length <= 1) return true;
  for (let i = 0; i < elements.length; i++) {
    if (!isPlain(elements[i]!) && !isText(elements[i]!)) return false;
    if (i > 0 && elements[i]! < elements[i - 1]!) return false;
  }
  return true;
}

/** Keyed by one text in which nothing sorts before the quote that ends it: in the order of the element itself. Lists have no others beside it. */
const TEXT_KEY = /^k:\{"\w+":"[^"\\ !]*"\}$/;
const isText = (element: string): boolean => element === SELF || TEXT_KEY.test(element);

const isPlain = (element: string): boolean => element[0] === 'f' || element === SELF;

const RANK: { readonly [kind: string]: number } = { '.': 0, f: 1, k: 2, v: 3, i: 4 };

function compareElements(a: string, aValue: Json | undefined, b: string, bValue: Json | undefined): number {
  const rank = RANK[a[0]!]! - RANK[b[0]!]!;
  if (rank !== 0) return rank;
  if (aValue === undefined || bValue === undefined) return compareTexts(a, b);
  return isJsonObject(aValue) && isJsonObject(bValue) ? compareKeys(aValue, bValue) : compareValues(aValue, bValue);
}

function compareKeys(a: JsonObject, b: JsonObject): number {
  const [aEntries, bEntries] = [Object.entries(a), Object.entries(b)];
  for (let i = 0; i < aEntries.length && i < bEntries.length; i++) {
    const order = compareTexts(aEntries[i]![0], bEntries[i]![0]) || compareValues(aEntries[i]![1]!, bEntries[i]![1]!);
    if (order !== 0) return order;
  }
  return aEntries.length - bEntries.length;
}

const KIND_RANK: { readonly [type: string]: number } = { number: 0, string: 1, boolean: 2, object: 3 };

function compareValues(a: Json, b: Json): number {
  const rank = KIND_RANK[typeof a]! - KIND_RANK[typeof b]!;
  if (rank !== 0) return rank;
  if (typeof a === 'number') return a - (b as number);
  if (typeof a === 'boolean') return Number(a) - Number(b);
  return compareTexts(typeof a === 'string' ? a : JSON.stringify(a), typeof b === 'string' ? b : JSON.stringify(b));
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
