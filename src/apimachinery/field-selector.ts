// Field selectors (`spec.nodeName=node-1,status.phase!=Running`): only their text; which paths exist is each kind's business.
import { badRequest } from './status.js';

export interface FieldRequirement {
  readonly path: string;
  readonly op: '=' | '!=';
  readonly value: string;
}

/** Parses `path=value`, `path==value` and `path!=value`, joined by commas; `\` escapes comma, equals sign and itself. Throws StatusError 400. */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  return splitTerms(text)
    .filter((term) => term !== '')
    .map((term) => parseTerm(text, term));
}

function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function parseTerm(text: string, term: string): FieldRequirement {
  for (let i = 0; i < term.length; i++) {
    if (term[i] === '\\') i++;
    else if (term.startsWith('!=', i)) return { path: term.slice(0, i), op: '!=', value: unescaped(text, term.slice(i + 2)) };
    else if (term.startsWith('==', i)) return { path: term.slice(0, i), op: '=', value: unescaped(text, term.slice(i + 2)) };
    else if (term[i] === '=') return { path: term.slice(0, i), op: '=', value: unescaped(text, term.slice(i + 1)) };
  }
  throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
}

function unescaped(text: string, value: string): string {
  let out = '';
  for (let i = 0; i < value.length; i++) {
    const c = value[i];
    if (c === '=') throw badRequest(`invalid selector: '${text}'; unescaped '=' in value '${value}'`);
    if (c !== '\\') {
      out += c;
      continue;
    }
    const escaped = value[++i];
    if (escaped !== '\\' && escaped !== ',' && escaped !== '=')
      throw badRequest(`invalid selector: '${text}'; bad escape in value '${value}'`);
    out += escaped;
  }
  return out;
}
