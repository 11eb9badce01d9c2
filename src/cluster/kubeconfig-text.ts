// One context in the text of a kubeconfig that is somebody else's: put in and taken out so that every other byte stays as it is.
import { isDeepStrictEqual } from 'node:util';
import { isMap, isNode, isScalar, isSeq, parseDocument } from 'yaml';
import type { Credentials } from './admin-kubeconfig.js';
import { appendDocument, CannotSplice, cutDocument, putItem, putValue, sourcesOf, takeItem, takeValue } from './yaml-splice.js';

/** Why a text is left as it is; the message goes on after the name of the file. */
export class NotEditable extends Error {}

const LISTS = ['clusters', 'users', 'contexts'] as const;
const CURRENT = 'current-context';
/** An extension in our context: how the empty values were spelled that ours have replaced (`null`, `""`), to put them back. */
const BEFORE = 'porthole/before';

type List = (typeof LISTS)[number];
type Config = Readonly<Record<string, unknown>>;
type Entry = Readonly<Record<string, unknown>>;
type Sources = Readonly<Record<string, string>>;

interface Context {
  readonly cluster?: string;
  readonly user?: string;
  readonly extensions?: readonly { readonly name?: string; readonly extension?: Sources }[];
}

/**
 * `text` with the context `name`, its cluster and its user; it becomes the current one where there is none. What a person has set in
 * an earlier context of that name stays. Throws NotEditable.
 */
export function addContext(text: string, name: string, credentials: Credentials): string {
  const config = read(text);
  if (!config) {
    const ours = newConfig(name, credentials);
    return firstThatIs(ours, [() => appendDocument(text, ours)]);
  }
  const entries = entriesOf(name, credentials, contextIn(config, name) ?? newContext(name, sourcesOf(text, [...LISTS, CURRENT])));
  const wanted: Record<string, unknown> = { ...config, [CURRENT]: config[CURRENT] || name };
  for (const list of LISTS) wanted[list] = withEntry(entriesIn(config, list), name, entries[list]);
  const spliced = () => {
    let result = text;
    for (const list of LISTS) {
      const at = indexIn(config, list, name);
      if (!isDeepStrictEqual(entriesIn(config, list)[at], entries[list])) result = putItem(result, list, at, entries[list]);
    }
    return config[CURRENT] ? result : putValue(result, CURRENT, name);
  };
  return firstThatIs(wanted, [spliced, () => rewritten(text, name, entries)]);
}

/** `text` without the context `name`, its cluster and its user; undefined where it has none of them. Throws NotEditable. */
export function takeContext(text: string, name: string): string | undefined {
  const config = read(text);
  if (!config || LISTS.every((list) => indexIn(config, list, name) < 0)) return undefined;
  const rest = isNewConfig(config, name) ? cutDocument(text, sorted(config)) : undefined;
  if (rest !== undefined && read(rest) === undefined) return rest;
  const isCurrent = config[CURRENT] === name;
  const wanted: Record<string, unknown> = isCurrent ? { ...config, [CURRENT]: '' } : { ...config };
  for (const list of LISTS) wanted[list] = entriesIn(config, list).filter((_, at) => at !== indexIn(config, list, name));
  const before = sourcesBefore(config, name);
  const spliced = () => {
    let result = isCurrent ? takeValue(text, CURRENT, before[CURRENT]) : text;
    for (const list of LISTS.toReversed()) {
      const at = indexIn(config, list, name);
      if (at >= 0) result = takeItem(result, list, at, before[list]);
    }
    return result;
  };
  return firstThatIs(wanted, [spliced, () => rewritten(text, name, undefined)]);
}

/** undefined for a text of nothing but comments. */
function read(text: string): Config | undefined {
  const document = parseDocument(text);
  const broken = document.errors[0];
  if (broken) throw new NotEditable(`is not valid YAML, so it is left as it is: ${broken.message.split('\n')[0]}`);
  const { contents } = document;
  // `---` alone has an empty scalar.
  if (contents === null || (isScalar(contents) && contents.range?.[0] === contents.range?.[1])) return undefined;
  const config: unknown = isMap(contents) ? document.toJS() : undefined;
  const isConfig = config && LISTS.every((list) => !(config as Config)[list] || Array.isArray((config as Config)[list]));
  if (!isConfig) throw new NotEditable('is no kubeconfig, so it is left as it is');
  return config as Config;
}

const entriesIn = (config: Config, list: List) => (config[list] || []) as readonly (Entry | null)[];
const indexIn = (config: Config, list: List, name: string) => entriesIn(config, list).findIndex((entry) => entry?.['name'] === name);
const contextIn = (config: Config, name: string) =>
  entriesIn(config, 'contexts')[indexIn(config, 'contexts', name)]?.['context'] as Context;
const encode = (pem: string) => Buffer.from(pem).toString('base64');
const sorted = (config: Config): Config => Object.fromEntries(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Its keys are sorted, as kubectl sorts them; in a file that was there ours are behind the others, which tells the two apart. */
function newConfig(name: string, credentials: Credentials): Config {
  const { clusters, users, contexts } = entriesOf(name, credentials, newContext(name, {}));
  return sorted({ apiVersion: 'v1', kind: 'Config', clusters: [clusters], users: [users], contexts: [contexts], [CURRENT]: name });
}

function isNewConfig(config: Config, name: string): boolean {
  const keys = ['apiVersion', 'kind', ...LISTS, CURRENT];
  const isAlone = LISTS.every((list) => entriesIn(config, list).length === 1 && indexIn(config, list, name) === 0);
  return isAlone && config[CURRENT] === name && Object.keys(config).length === keys.length && keys.every((key) => key in config);
}

function newContext(name: string, before: Sources): Context {
  const context = { cluster: name, user: name };
  return Object.keys(before).length === 0 ? context : { ...context, extensions: [{ name: BEFORE, extension: before }] };
}

/** Of `context` all but the cluster and the user is kept: the namespace in it is the person's. */
function entriesOf(name: string, { server, ca, cert, key }: Credentials, context: Context): Record<List, Entry> {
  return {
    clusters: { name, cluster: { server, 'certificate-authority-data': encode(ca) } },
    users: { name, user: { 'client-certificate-data': encode(cert), 'client-key-data': encode(key) } },
    contexts: { name, context: { ...context, cluster: name, user: name } },
  };
}

function withEntry(entries: readonly (Entry | null)[], name: string, entry: Entry): readonly (Entry | null)[] {
  const at = entries.findIndex((other) => other?.['name'] === name);
  return at < 0 ? [...entries, entry] : entries.with(at, entry);
}

function sourcesBefore(config: Config, name: string): Sources {
  const extensions = contextIn(config, name)?.extensions ?? [];
  const sources = extensions.find((extension) => extension?.name === BEFORE)?.extension ?? {};
  return Object.fromEntries(Object.entries(sources).filter(([, source]) => typeof source === 'string'));
}

/** The first text that says `wanted` and nothing else; an empty value and none are the same. */
function firstThatIs(wanted: Config, attempts: readonly (() => string)[]): string {
  for (const attempt of attempts) {
    const result = resultOf(attempt);
    const document = result === undefined ? undefined : parseDocument(result);
    if (result === undefined || !document || document.errors.length > 0) continue;
    if (isDeepStrictEqual(withoutEmpty((document.toJS() ?? {}) as Config), withoutEmpty(wanted))) return result;
  }
  throw new NotEditable('has aliases or tags in the way, so it is left as it is');
}

function resultOf(attempt: () => string): string | undefined {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof CannotSplice) return undefined;
    throw error;
  }
}

function withoutEmpty(config: Config): Config {
  const isEmpty = (value: unknown) => !value || (Array.isArray(value) && value.length === 0);
  const isOptional = (key: string) => key === CURRENT || LISTS.some((list) => list === key);
  return Object.fromEntries(Object.entries(config).filter(([key, value]) => !isOptional(key) || !isEmpty(value)));
}

/** For a text that cannot be changed in one place alone: written anew, which keeps content, order and comments, but not every space. */
function rewritten(text: string, name: string, entries: Record<List, Entry> | undefined): string {
  const document = parseDocument(text);
  for (const list of LISTS) {
    const old = document.get(list, true);
    const sequence = isSeq(old) ? old : document.createNode<unknown[]>([]);
    if (sequence !== old) {
      if (isNode(old)) sequence.comment = [old.commentBefore, old.comment].filter(Boolean).join('\n');
      document.set(list, sequence);
    }
    const at = sequence.items.findIndex((item) => isMap(item) && item.get('name') === name);
    if (entries) sequence.items.splice(at < 0 ? sequence.items.length : at, at < 0 ? 0 : 1, document.createNode(entries[list]));
    else if (at >= 0) sequence.items.splice(at, 1);
  }
  const current = document.get(CURRENT);
  if (entries && !current) document.set(CURRENT, name);
  if (!entries && current === name) document.set(CURRENT, '');
  return document.toString({ lineWidth: 0 });
}
