// YAML bodies: the first document, with the scalars that upstream's YAML has.
import { createRequire } from 'node:module';
import type { DocumentOptions, ParseOptions, SchemaOptions, Tags } from 'yaml';
import { cloneJson } from '../clone.js';
import type { Json } from '../json.js';
import { badRequest } from '../status.js';
import { decodeText } from './json.js';

/** Aliases may multiply what they name at most this often: no billion laughs. */
const ALIASES_MAX = 100;

/** YAML 1.1 without the types that JSON has no place for: base-60 numbers, dates, sets and the like. */
const jsonTags = (tags: Tags): Tags =>
  tags.filter((tag) => typeof tag === 'string' || (tag.format !== 'TIME' && !/:(timestamp|binary|omap|pairs|set)$/.test(tag.tag)));

const OPTIONS: ParseOptions & DocumentOptions & SchemaOptions = {
  version: '1.1',
  customTags: jsonTags,
  uniqueKeys: true,
  prettyErrors: false,
  logLevel: 'silent',
};

/** The first document of a YAML stream. Throws StatusError 400: bad syntax, a key twice, what JSON cannot say. */
export function decodeYaml(bytes: Uint8Array): Json {
  // Loaded at the first YAML body, which few clients send: it would cost every start.
  const { LineCounter, parseAllDocuments } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  const lineCounter = new LineCounter();
  const document = [...parseAllDocuments(decodeText(bytes), { ...OPTIONS, lineCounter })][0];
  if (!document) return null;
  const [error] = document.errors;
  if (error) throw badRequest(`error converting YAML to JSON: yaml: line ${lineCounter.linePos(error.pos[0]).line}: ${error.message}`);
  return plain(document);
}

function plain(document: { toJS(options: { maxAliasCount: number }): unknown }): Json {
  try {
    const value = document.toJS({ maxAliasCount: ALIASES_MAX }) as Json;
    // Aliases share what they name; a copy makes it plain, checks the depth and breaks cycles.
    return cloneJson(JSON.parse(JSON.stringify(value)) as Json);
  } catch (error) {
    throw badRequest(`error converting YAML to JSON: yaml: ${(error as Error).message}`);
  }
}
