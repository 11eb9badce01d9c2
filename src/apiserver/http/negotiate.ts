// Content negotiation: which form of a result a client accepts.

import { badRequest, notAcceptable } from '../../apimachinery/status.js';
import type { IncludeObject } from '../../apimachinery/table.js';

export interface MediaRange {
  /** `application/json`, `application/*`, lower case. */
  readonly type: string;
  readonly parameters: { readonly [name: string]: string };
}

export type Form = { readonly type: 'json' | 'yaml' | 'metadata' } | { readonly type: 'table'; readonly includeObject: IncludeObject };

export const OFFERED = ['application/json', 'application/yaml'] as const;
/** Accept headers name a handful of types; more is noise that is not worth parsing. */
const MAX_RANGES = 32;

/** The media ranges of an Accept header, most wanted first; all types where there is none. */
export function parseAccept(accept: string | undefined): readonly MediaRange[] {
  if (!accept) return [{ type: '*/*', parameters: {} }];
  const ranges = accept.split(',', MAX_RANGES).map((text) => {
    const [type, ...rest] = text.split(';').map((part) => part.trim());
    return { type: type!.toLowerCase(), parameters: Object.fromEntries(rest.map(parameter)) };
  });
  const quality = ({ parameters: { q } }: MediaRange) => (q === undefined ? 1 : Number(q) || 0);
  return ranges.filter((range) => quality(range) > 0).sort((a, b) => quality(b) - quality(a));
}

function parameter(text: string): [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
}

export const isJsonRange = (type: string) => type === 'application/json' || type === 'application/*' || type === '*/*';

/** What to make of an API object for this Accept header. Throws 406 where none of our forms is accepted. */
export function formOf(accept: string | undefined, query: URLSearchParams): Form {
  for (const { type, parameters } of parseAccept(accept)) {
    if (type === 'application/yaml' && !parameters['as']) return { type: 'yaml' };
    if (!isJsonRange(type)) continue;
    const { as, g, v } = parameters;
    if (!as) return { type: 'json' };
    if (g !== 'meta.k8s.io' || v !== 'v1') continue;
    if (as === 'Table') return { type: 'table', includeObject: includeObject(query.get('includeObject')) };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return { type: 'metadata' };
  }
  throw notAcceptable(OFFERED);
}

function includeObject(text: string | null): IncludeObject {
  if (text === null || text === '') return 'Metadata';
  if (text === 'None' || text === 'Metadata' || text === 'Object') return text;
  throw badRequest(`unrecognized includeObject value: "${text}"`);
}
