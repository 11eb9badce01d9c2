// YAML bodies: the first document, with the scalars that upstream's YAML has.
import { createRequire } from 'node:module';
import type { CST, Document, DocumentOptions, LineCounter, ParseOptions, SchemaOptions, Tags } from 'yaml';
import { cloneJson, JSON_DEPTH_MAX, tooDeep } from '../clone.js';
import type { Json } from '../json.js';
import { badRequest } from '../status.js';
import { decodeText } from './json.js';
import { MAX_STRICT_ERRORS } from './strict.js';

/** Aliases may multiply what they name at most this often: no billion laughs. */
const ALIASES_MAX = 100;
/** Of tokens that the parser holds open, of which one level of nesting takes no more than two. */
const OPEN_TOKENS_MAX = 2 * JSON_DEPTH_MAX;

const MERGE_KEY = '<<';

/** YAML 1.1 without the types that JSON has no place for: base-60 numbers, dates, sets and the like. */
const jsonTags = (tags: Tags): Tags =>
  tags.filter((tag) => typeof tag === 'string' || (tag.format !== 'TIME' && !/:(timestamp|binary|omap|pairs|set)$/.test(tag.tag)));

const OPTIONS: ParseOptions & DocumentOptions & SchemaOptions = {
  version: '1.1',
  customTags: jsonTags,
  // The library compares each key with each other, which for a large map takes minutes: see duplicateKeys.
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'silent',
};

type Yaml = typeof import('yaml');

export interface ParsedYaml {
  readonly value: Json;
  /** Keys that a map has twice, of which the last counts, as Go's parser words them. */
  readonly duplicates: readonly string[];
}

/** The first document of a YAML stream. Throws StatusError 400: bad syntax, too deep, what JSON cannot say. */
export const decodeYaml = (bytes: Uint8Array): Json => parseYaml(bytes).value;

export function parseYaml(bytes: Uint8Array): ParsedYaml {
  // Loaded at the first YAML body, which few clients send: it would cost every start.
  const yaml = createRequire(import.meta.url)('yaml') as Yaml;
  const lineCounter = new yaml.LineCounter();
  const tokens = shallowTokens(yaml, decodeText(bytes), lineCounter);
  const [document] = new yaml.Composer({ ...OPTIONS, lineCounter }).compose(tokens);
  if (!document) return { value: null, duplicates: [] };
  const [error] = document.errors;
  if (error) {
    const { line } = lineCounter.linePos(error.pos[0]);
    throw badRequest(`error converting YAML to JSON: yaml: line ${line}: ${error.message}`);
  }
  const duplicates = duplicateKeys(yaml, document, lineCounter);
  return { value: plain(document), duplicates };
}

/** The documents' syntax trees. Building their nodes recurses, and a stack that runs out there can end the process: so depth is bounded here. */
function* shallowTokens({ Lexer, Parser }: Yaml, text: string, { addNewLine }: LineCounter): Generator<CST.Token> {
  const parser = new Parser(addNewLine);
  addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    if (parser.stack.length > OPEN_TOKENS_MAX) throw tooDeep();
  }
  yield* parser.end();
}

/** As JSON will spell them; merges may come again. */
function duplicateKeys({ isScalar, visit }: Yaml, document: Document.Parsed, lineCounter: LineCounter): string[] {
  const found: string[] = [];
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<string>();
      for (const { key } of items) {
        if (!isScalar(key) || key.value === MERGE_KEY) continue;
        const name = String(key.value);
        if (seen.has(name) && found.length < MAX_STRICT_ERRORS) {
          found.push(`line ${lineCounter.linePos(key.range?.[0] ?? 0).line}: key ${JSON.stringify(name)} already set in map`);
        }
        seen.add(name);
      }
    },
  });
  return found;
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
