// Content negotiation: which form of a result a client accepts, by the rules and in the words of upstream.
import { MEDIA_JSON, MEDIA_PROTOBUF, MEDIA_YAML } from '../../apimachinery/codec/index.js';
import { badRequest, notAcceptable } from '../../apimachinery/status.js';
import type { IncludeObject, MetaVersion } from '../../apimachinery/table.js';

export interface MediaRange {
  /** `application/json`, `application/*`, lower case. */
  readonly type: string;
  readonly parameters: { readonly [name: string]: string };
}

export type Media = 'json' | 'yaml' | 'protobuf';
/** What the objects of an answer are turned into. */
export type As = 'object' | 'metadata' | 'metadataList' | 'table';

export interface Form {
  readonly media: Media;
  readonly as: As;
  /** Of meta.k8s.io, for everything but objects. */
  readonly metaVersion: MetaVersion;
  readonly includeObject: IncludeObject;
  /** JSON with line breaks, for people. */
  readonly pretty: boolean;
}

export const JSON_FORM: Form = { media: 'json', as: 'object', metaVersion: 'v1', includeObject: 'Metadata', pretty: false };

/** What decides about the form of an answer. */
export interface Asked {
  readonly accept: string | undefined;
  readonly userAgent: string | undefined;
  readonly query: URLSearchParams;
  /** Whether the resource's objects have a protobuf form. */
  readonly protobuf: boolean;
  readonly watch: boolean;
}

const TYPES: readonly (readonly [string, Media])[] = [
  [MEDIA_JSON, 'json'],
  [MEDIA_YAML, 'yaml'],
  [MEDIA_PROTOBUF, 'protobuf'],
];
const STREAMED = [`${MEDIA_JSON};stream=watch`, `${MEDIA_PROTOBUF};stream=watch`];
const OFFERED = TYPES.map(([type]) => type);
/** Accept headers name a handful of types; more is noise that is not worth parsing. */
const MAX_RANGES = 32;

/** A client sends the same few headers all the time; past this many different ones they are forgotten and parsed anew. */
const MAX_REMEMBERED = 256;
const remembered = new Map<string, readonly MediaRange[]>();
const ANYTHING: readonly MediaRange[] = [{ type: '*/*', parameters: {} }];

/** The media ranges of an Accept header, most wanted first; all types where there is none. */
export function parseAccept(accept: string | undefined): readonly MediaRange[] {
  if (!accept) return ANYTHING;
  let ranges = remembered.get(accept);
  if (!ranges) {
    ranges = parse(accept);
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(accept, ranges);
  }
  return ranges;
}

function parse(accept: string): readonly MediaRange[] {
  const ranges = accept.split(',', MAX_RANGES).map((text) => {
    const [type, ...rest] = text.split(';').map((part) => part.trim());
    return { type: type!.toLowerCase(), parameters: Object.fromEntries(rest.map(parameter)) };
  });
  return ranges.filter((range) => quality(range) > 0).sort((a, b) => quality(b) - quality(a) || wildness(a) - wildness(b));
}

const quality = ({ parameters: { q } }: MediaRange) => (q === undefined ? 1 : Number(q) || 0);
/** Of two that are wanted as much the one that says more counts. */
const wildness = ({ type }: MediaRange) => (type === '*/*' ? 2 : type.endsWith('/*') ? 1 : 0);

function parameter(text: string): [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
}

const covers = (range: string, type: string) => range === type || range === '*/*' || range === 'application/*';

/** What to make of an API object for this request. Throws 406 where none of our forms is accepted. */
export function formOf({ accept, userAgent, query, protobuf, watch }: Asked): Form {
  const pretty = isPretty(query, userAgent);
  if (!accept) return pretty ? { ...JSON_FORM, pretty } : JSON_FORM;
  for (const { type: range, parameters } of parseAccept(accept)) {
    for (const [type, media] of TYPES) {
      if (!covers(range, type)) continue;
      const as = asOf(parameters, media, protobuf);
      if (!as || !mayStream(parameters['stream'], media)) continue;
      // As upstream: what was chosen is not reconsidered where it cannot be streamed.
      if (watch && media === 'yaml') throw notAcceptable(STREAMED);
      const metaVersion = parameters['v'] === 'v1beta1' ? 'v1beta1' : 'v1';
      const includeObject = as === 'table' ? includeObjectOf(query.get('includeObject')) : 'Metadata';
      return { media, as, metaVersion, includeObject, pretty: pretty || parameters['pretty'] === '1' };
    }
  }
  throw notAcceptable(watch ? STREAMED : OFFERED);
}

/** For errors, which are never turned into anything: undefined where the client accepts none of our types. */
export function errorFormOf(accept: string | undefined, userAgent: string | undefined, query: URLSearchParams): Form | undefined {
  const pretty = isPretty(query, userAgent);
  for (const { type: range, parameters } of parseAccept(accept)) {
    const { as, g, v, stream } = parameters;
    if (as !== undefined || g !== undefined || v !== undefined) continue;
    const found = TYPES.find(([type, media]) => covers(range, type) && mayStream(stream, media));
    if (found) return { ...JSON_FORM, media: found[1], pretty: pretty || parameters['pretty'] === '1' };
  }
  return undefined;
}

/** Undefined for what does not exist, or not in this type. */
function asOf({ as, g, v, sv }: MediaRange['parameters'], media: Media, protobuf: boolean): As | undefined {
  if (sv && sv !== 'v1') return undefined;
  if (as === undefined && g === undefined && v === undefined) return media !== 'protobuf' || protobuf ? 'object' : undefined;
  if (g !== 'meta.k8s.io' || (v !== 'v1' && v !== 'v1beta1')) return undefined;
  if (as === 'PartialObjectMetadata') return 'metadata';
  if (as === 'PartialObjectMetadataList') return 'metadataList';
  // Cells are of any type, for which protobuf has no place.
  return as === 'Table' && media !== 'protobuf' ? 'table' : undefined;
}

const mayStream = (stream: string | undefined, media: Media) => !stream || (stream === 'watch' && media !== 'yaml');

/** Tools that people read in get line breaks unless they say otherwise. */
const HUMAN_AGENTS = /^(curl|Wget|Mozilla\/5\.0)/;

function isPretty(query: URLSearchParams, userAgent: string | undefined): boolean {
  const asked = query.get('pretty');
  if (asked) return /^(1|t|T|true|TRUE|True)$/.test(asked);
  return userAgent !== undefined && HUMAN_AGENTS.test(userAgent);
}

function includeObjectOf(text: string | null): IncludeObject {
  if (text === null || text === '') return 'Metadata';
  if (text === 'None' || text === 'Metadata' || text === 'Object') return text;
  throw badRequest(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(text)}: must be 'Metadata', 'Object', 'None', or empty`,
  );
}
