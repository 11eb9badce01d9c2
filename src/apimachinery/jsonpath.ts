// JSONPath as printer columns and scale paths have it: `.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status`, `.a['b.c'][*]`.
import { isJsonObject, type Json } from './json.js';

export class JsonPathError extends Error {
  override readonly name = 'JsonPathError';
}

type Step = (value: Json) => readonly Json[];

/** All that a path leads to, in order; nothing where it leads nowhere. */
export type JsonPath = (value: Json) => readonly Json[];

/** Throws JsonPathError. */
export function parseJsonPath(path: string): JsonPath {
  const steps = new Parser(path).steps();
  return (value) => steps.reduce<readonly Json[]>((values, step) => values.flatMap(step), [value]);
}

/** Names and dots only, as `.spec.replicas`. */
export const isSimplePath = (path: string): boolean => /^(\.[^.[\]'"()\s]+)+$/.test(path);

/** The names that a simple path goes through. */
export const simplePathSteps = (path: string): readonly string[] => path.slice(1).split('.');

const memberOf =
  (name: string): Step =>
  (value) =>
    isJsonObject(value) && Object.hasOwn(value, name) && value[name] !== undefined ? [value[name]] : [];

const membersOf: Step = (value) => (Array.isArray(value) ? value : isJsonObject(value) ? (Object.values(value) as Json[]) : []);

/** The value and everything below it. */
const allBelow = (value: Json): readonly Json[] => [value, ...membersOf(value).flatMap(allBelow)];

class Parser {
  #at = 0;

  constructor(private readonly path: string) {}

  steps(): readonly Step[] {
    const steps: Step[] = [];
    while (this.#at < this.path.length) steps.push(...this.#step());
    return steps;
  }

  #fail(): JsonPathError {
    return new JsonPathError(`unrecognized character at ${this.#at} in ${JSON.stringify(this.path)}`);
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    const found = pattern.exec(this.path.slice(this.#at));
    if (!found) return undefined;
    this.#at += found[0].length;
    return found;
  }

  #step(): readonly Step[] {
    if (this.#take(/^\.\./)) return [allBelow, ...(this.path[this.#at] === '[' ? [] : [this.#name()])];
    if (this.path[this.#at] === '[') return [this.#brackets()];
    if (!this.#take(/^\./)) throw this.#fail();
    return this.#at === this.path.length || this.path[this.#at] === '[' ? [] : [this.#name()];
  }

  #name(): Step {
    if (this.#take(/^\*/)) return membersOf;
    const found = this.#take(/^(?:\\.|[^.[\]\\\s])+/);
    if (!found) throw this.#fail();
    return memberOf(found[0].replaceAll(/\\(.)/g, '$1'));
  }

  #brackets(): Step {
    if (this.#take(/^\[\*\]/)) return membersOf;
    const quoted = this.#take(/^\[\s*(['"])((?:\\.|(?!\1).)*)\1\s*\]/);
    if (quoted) return memberOf(quoted[2]!.replaceAll(/\\(.)/g, '$1'));
    const slice = this.#take(/^\[(-?\d*)(?:(:)(-?\d*))?(?::(\d+))?\]/);
    if (slice && slice[0] !== '[]') return sliceOf(slice[1]!, slice[2], slice[3], slice[4]);
    const filter = this.#take(/^\[\?\(((?:'(?:\\.|[^'])*'|"(?:\\.|[^"])*"|[^'")])*)\)\]/);
    if (filter) return filterOf(filter[1]!);
    throw this.#fail();
  }
}

function sliceOf(from: string, colon: string | undefined, to: string | undefined, by: string | undefined): Step {
  return (value) => {
    if (!Array.isArray(value)) return [];
    const list = value as readonly Json[];
    if (!colon) return list.slice(Number(from)).slice(0, 1).concat();
    const part = list.slice(from ? Number(from) : 0, to ? Number(to) : undefined);
    return by ? part.filter((_, i) => i % Number(by) === 0) : part;
  };
}

const COMPARISON = /^\s*@((?:[^=!<>])*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?)\s*)?$/;

function filterOf(text: string): Step {
  const found = COMPARISON.exec(text);
  if (!found) throw new JsonPathError(`unrecognized filter ${JSON.stringify(text)}`);
  const [, path, operator, right] = found;
  const left = parseJsonPath(path || '.');
  if (!operator) return (value) => membersOf(value).filter((item) => left(item).length > 0);
  const literal = literalOf(right!);
  return (value) => membersOf(value).filter((item) => left(item).some((each) => compare(each, operator, literal)));
}

function literalOf(text: string): Json {
  const quoted = /^(['"])(.*)\1$/s.exec(text);
  if (quoted) return quoted[2]!.replaceAll(/\\(.)/g, '$1');
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  if (text === '' || Number.isNaN(number)) throw new JsonPathError(`unrecognized value ${text}`);
  return number;
}

function compare(left: Json, operator: string, right: Json): boolean {
  if (operator === '==') return left === right;
  if (operator === '!=') return left !== right;
  if (typeof left !== typeof right || (typeof left !== 'number' && typeof left !== 'string')) return false;
  const [a, b] = [left as number, right as number];
  if (operator === '<') return a < b;
  if (operator === '<=') return a <= b;
  return operator === '>' ? a > b : a >= b;
}
