// Editing the top-level lists and values of a YAML or JSON text in place: only the bytes of what is put in or taken out change.
import {
  Document,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  type Scalar,
  stringify,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';

/** The text is written in a way (aliases, explicit keys) that one place of it cannot be changed alone. */
export class CannotSplice extends Error {}

// Also what YAML 1.1 readers (kubectl's is one) take for something else than a string, such as `on`, is quoted; nothing is folded.
const SCALARS = { version: '1.1', compat: 'core', lineWidth: 0, blockQuote: false } as const;

/** Puts `item` into the list `key` instead of the item at `index`, or after the last one where `index` is -1. Makes a list where there is none. */
export function putItem(text: string, key: string, index: number, item: object): string {
  const place = new Place(text);
  const pair = place.find(key);
  if (!pair) return place.addPair(key, [item]);
  const list = pair.value;
  if (!isSeq(list)) return place.putValue(pair, (width) => `[${place.flow(item, width)}]`);
  if (index < 0) return list.flow ? place.addToFlow(list, (width) => place.flow(item, width)) : place.addToBlock(list, item);
  const old = list.items[index];
  if (list.flow) return splice(text, startOf(old), deepEnd(old), place.flow(item));
  const start = dashOf(list, index);
  const lines = block([item], start - lineStart(text, start)).join(place.eol);
  return splice(text, start, start + text.slice(start, deepEnd(old)).trimEnd().length, lines.trimStart());
}

/**
 * Takes the item at `index` out of the list `key`. Where it was the only one, the list gives way to `before`: what `sourcesOf` said
 * of the key before `putItem` made the list.
 */
export function takeItem(text: string, key: string, index: number, before: string | undefined): string {
  const place = new Place(text);
  const pair = place.find(key);
  const list = pair?.value;
  if (!pair || !isSeq(list)) throw new CannotSplice(`no list ${key}`);
  const only = list.items.length === 1;
  if (list.flow) {
    if (only && before !== undefined) return place.restoreValue(pair, before);
    return only && place.isFlow ? place.takePair(pair) : cutFromFlow(text, list.items.map(spanOf), index);
  }
  const start = dashOf(list, index);
  const isBare = text.slice(startOf(pair.key), start).trimEnd() === `${key}:`;
  if (only && isBare && before === undefined) return place.takePair(pair);
  return cutLines(text, lineStart(text, start), lineEnd(text, deepEnd(list.items[index])));
}

/** Sets the value of `key`, which is missing or has no value so far. */
export function putValue(text: string, key: string, value: string): string {
  const place = new Place(text);
  const pair = place.find(key);
  return pair ? place.putValue(pair, () => place.flow(value)) : place.addPair(key, value);
}

/** Takes the value of `key` out: `before` is what `sourcesOf` said of the key before `putValue`. */
export function takeValue(text: string, key: string, before: string | undefined): string {
  const place = new Place(text);
  const pair = place.find(key);
  if (!pair) throw new CannotSplice(`no key ${key}`);
  if (before !== undefined) return place.restoreValue(pair, before);
  // Somebody's comment behind the value stays.
  const { end } = pairSpan(pair);
  const isAlone = place.isFlow || text.slice(end, lineEnd(text, end)).trim() === '';
  return isAlone ? place.takePair(pair) : place.restoreValue(pair, '""');
}

/**
 * How the values of `keys` are spelled that `putItem` or `putValue` would replace ('' for `key:` alone). A key is not in it where there
 * is none, and where taking out what was put in is enough to get the value back.
 */
export function sourcesOf(text: string, keys: readonly string[]): Readonly<Record<string, string>> {
  const place = new Place(text);
  const sources: Record<string, string> = {};
  for (const key of keys) {
    const value = place.find(key)?.value;
    const isReplaced = isNothing(value) || (place.isFlow && isSeq(value) && value.items.length === 0);
    if (isReplaced) sources[key] = text.slice(startOf(value), rangeOf(value)[1]);
  }
  return sources;
}

/** Puts the block style of `value`, a map, behind a `text` that holds nothing but comments. */
export function appendDocument(text: string, value: object): string {
  return addLines(text, text.length, block(value, 0), eolOf(text));
}

/** The text that `appendDocument` has put `value` behind; undefined where `text` does not look so. */
export function cutDocument(text: string, value: object): string | undefined {
  const around = text.slice(0, Math.max(0, text.lastIndexOf(block(value, 0).join(eolOf(text)))));
  return [around, around.replace(/\r?\n$/, '')].find((rest) => appendDocument(rest, value) === text);
}

/** A text, parsed, and the ways to change one place of its top-level map. */
class Place {
  readonly eol: string;
  /** Whether the whole text is one `{...}`, as JSON is. */
  readonly isFlow: boolean;
  private readonly root: YAMLMap;
  private readonly json: boolean;

  constructor(private readonly text: string) {
    const document = parseDocument(text, { keepSourceTokens: true });
    if (document.errors.length > 0 || !isMap(document.contents)) throw new CannotSplice('no map');
    this.root = document.contents;
    this.eol = eolOf(text);
    this.isFlow = this.root.flow === true || this.root.items.length === 0;
    this.json = isJson(text);
  }

  find(key: string): Pair | undefined {
    return this.root.items.find((pair) => isScalar(pair.key) && pair.key.value === key);
  }

  /** `value` in flow style; over several lines, the first of them `width` wide so far, where its JSON neighbours are. */
  flow(value: unknown, width = 0): string {
    if (this.json) return JSON.stringify(value, null, width && this.indentStep()).replaceAll('\n', this.eol + ' '.repeat(width));
    const document = new Document(undefined, SCALARS);
    document.contents = document.createNode(value, { flow: true }) as never;
    return document.toString({ ...SCALARS, flowCollectionPadding: false }).trimEnd();
  }

  addPair(key: string, value: unknown): string {
    if (this.isFlow) {
      return this.addToFlow(this.root, (width) => `${this.flow(key)}: ${this.flow(value, width)}`);
    }
    const column = startOf(this.root) - lineStart(this.text, startOf(this.root));
    const [head = '', ...rest] = block({ [key]: value }, column);
    const dash = ' '.repeat(this.dashIndent(column));
    const lines = [head, ...rest.map((line) => dash + line)];
    return addLines(this.text, afterNode(this.text, this.root, column), lines, this.eol);
  }

  takePair(pair: Pair): string {
    if (this.isFlow) return cutFromFlow(this.text, this.root.items.map(pairSpan), this.root.items.indexOf(pair));
    return cutLines(this.text, lineStart(this.text, startOf(pair.key)), lineEnd(this.text, pairSpan(pair).end));
  }

  /** In place of a null or an empty string. */
  putValue(pair: Pair, render: (width: number) => string): string {
    const { value } = pair;
    if (!isNothing(value)) throw new CannotSplice('a value is in the way');
    const [start, end] = rangeOf(value);
    const gap = this.gapBefore(pair);
    return start === end ? splice(this.text, gap, gap, ` ${render(0)}`) : splice(this.text, start, end, render(0));
  }

  restoreValue(pair: Pair, source: string): string {
    const [start, end] = rangeOf(pair.value);
    return splice(this.text, source === '' ? this.gapBefore(pair) : start, end, source);
  }

  /** Where the space before the value starts, behind the colon and an anchor or a tag. */
  private gapBefore(pair: Pair): number {
    return this.text.slice(0, startOf(pair.value)).trimEnd().length;
  }

  /** Behind the last part of `collection`, with the same space before it. */
  addToFlow(collection: YAMLMap | YAMLSeq, render: (width: number) => string): string {
    const spans = collection.items.map((item) => (isPair(item) ? pairSpan(item) : spanOf(item)));
    const last = spans.at(-1);
    if (!last) return splice(this.text, startOf(collection) + 1, startOf(collection) + 1, render(0));
    const gap = /\s*$/.exec(this.text.slice(0, last.start))?.[0] ?? '';
    const width = gap.includes('\n') ? gap.length - gap.lastIndexOf('\n') - 1 : 0;
    return splice(this.text, last.end, last.end, `,${gap || (this.json ? '' : ' ')}${render(width)}`);
  }

  addToBlock(list: YAMLSeq, item: object): string {
    const column = startOf(list) - lineStart(this.text, startOf(list));
    return addLines(this.text, afterNode(this.text, list, column), block([item], column), this.eol);
  }

  /** How far the lists of this text stand in from their keys; kubectl's do not. */
  private dashIndent(column: number): number {
    const list = this.root.items.map((pair) => pair.value).find((value) => isSeq(value) && !value.flow);
    return list ? Math.max(0, startOf(list) - lineStart(this.text, startOf(list)) - column) : 0;
  }

  private indentStep(): number {
    return /\n( +)/.exec(this.text)?.[1]?.length ?? 2;
  }
}

interface Span {
  readonly start: number;
  readonly end: number;
}

const splice = (text: string, start: number, end: number, insert: string) => text.slice(0, start) + insert + text.slice(end);
const isNothing = (node: unknown) => isScalar(node) && (node.value === null || node.value === '');
const eolOf = (text: string) => (/\r?\n/.exec(text)?.[0] === '\r\n' ? '\r\n' : '\n');
// A byte order mark is no part of the first line.
const lineStart = (text: string, at: number) => text.lastIndexOf('\n', at - 1) + 1 || (text.startsWith('\uFEFF') ? 1 : 0);
const startOf = (node: unknown) => rangeOf(node)[0];
const spanOf = (node: unknown): Span => ({ start: startOf(node), end: rangeOf(node)[1] });
const pairSpan = ({ key, value }: Pair): Span => ({ start: startOf(key), end: value === null ? rangeOf(key)[1] : deepEnd(value) });

function isJson(text: string): boolean {
  try {
    JSON.parse(text.replace(/^\uFEFF/, ''));
    return true;
  } catch {
    return false;
  }
}

/** The lines of `value` in block style, `column` further right. */
function block(value: unknown, column: number): string[] {
  const lines = stringify(value, { ...SCALARS, indentSeq: false })
    .trimEnd()
    .split('\n');
  return lines.map((line) => ' '.repeat(column) + line);
}

function rangeOf(node: unknown): readonly [number, number, number] {
  const range = (node as Scalar | null)?.range;
  if (!range) throw new CannotSplice('a node without source');
  return range;
}

/** Where the last thing in `node` ends, without the comments and line ends after it. */
function deepEnd(node: unknown): number {
  if (isCollection(node) && !node.flow) {
    const last = node.items.at(-1);
    if (isMap(node) && last) return pairSpan(last as Pair).end;
    if (last) return deepEnd(last);
  }
  return rangeOf(node)[1];
}

function dashOf(list: YAMLSeq, index: number): number {
  const source = list.srcToken as
    | { readonly items?: readonly { readonly start: readonly { type: string; offset: number }[] }[] }
    | undefined;
  const dash = source?.items?.[index]?.start.find((token) => token.type === 'seq-item-ind');
  if (!dash) throw new CannotSplice('an item without a dash');
  return dash.offset;
}

function lineEnd(text: string, at: number): number {
  if (at > 0 && text[at - 1] === '\n') return at;
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end + 1;
}

/** The line after `node` and after the comments that are indented as parts of it, i.e. further than `column`. */
function afterNode(text: string, node: unknown, column: number): number {
  let end = lineEnd(text, deepEnd(node));
  const comment = new RegExp(`(?:[ \\t]*\\r?\\n)* {${column + 1},}#[^\\n]*(?:\\n|$)`, 'y');
  for (comment.lastIndex = end; comment.test(text); ) end = comment.lastIndex;
  return end;
}

/** `at` is the start of a line, or the end of a text without a line end: then what is put there ends without one too. */
function addLines(text: string, at: number, lines: readonly string[], eol: string): string {
  const added = lines.join(eol);
  return splice(text, at, at, at === 0 || text[at - 1] === '\n' ? added + eol : eol + added);
}

/** What addLines has added. */
function cutLines(text: string, start: number, end: number): string {
  if (end < text.length || text.endsWith('\n')) return splice(text, start, end, '');
  return text.slice(0, start).replace(/\r?\n$/, '');
}

function cutFromFlow(text: string, spans: readonly Span[], index: number): string {
  const [previous, span, next] = [spans[index - 1], spans[index], spans[index + 1]];
  if (!span) throw new CannotSplice('no such part');
  if (previous) return splice(text, previous.end, span.end, '');
  return splice(text, span.start, next ? next.start : span.end, '');
}
