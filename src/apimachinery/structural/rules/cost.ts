// estimatedCost: the most that a rule can cost by what its schema says of sizes, in upstream's units. It errs on the low side.
import type { TwoVariables } from '../../cel/libraries/two-variables.js';
import type { Node } from '../../cel/nodes.js';
import { itemsOf, type JsonSchema, propertyOf, valuesOf } from '../schema.js';
import { celName } from './types.js';

/** Upstream's bounds on one rule, with all the places at which it is asked, and on all rules of a schema. */
export const MAX_RULE_COST = 10_000_000;
export const MAX_SCHEMA_COST = 100_000_000;
/** What upstream takes a request for at most: what is not bounded otherwise is by it. */
const MAX_REQUEST_BYTES = 3 * 1024 * 1024;
const COST_OF_LIST = 10;
const COST_OF_MAP = 30;

type Scopes = ReadonlyMap<string, JsonSchema | undefined>;

interface Estimate {
  readonly cost: number;
  /** Of the value, where it is a part of the object. */
  readonly schema?: JsonSchema | undefined;
}

export function estimatedCost(expression: Node, self: JsonSchema): number {
  return estimate(
    expression,
    new Map([
      ['self', self],
      ['oldSelf', self],
    ]),
  ).cost;
}

/** How many items or members a value of the schema has at most. */
export function maxCount(schema: JsonSchema): number {
  const [bound, inner] = schema.type === 'array' ? [schema.maxItems, itemsOf(schema)] : [schema.maxProperties, valuesOf(schema)];
  const bytes = schema.type === 'array' ? 1 + minBytes(inner) : 4 + minBytes(inner);
  return bound ?? Math.floor(MAX_REQUEST_BYTES / bytes);
}

/** How often one object can have a place, of which only the values' own size says anything. */
export const maxTimes = (schema: JsonSchema): number => Math.floor(MAX_REQUEST_BYTES / (1 + minBytes(schema)));

/** The shortest texts of these formats, with their quotes. */
const FORMAT_BYTES: { readonly [format: string]: number } = { date: 12, 'date-time': 22, duration: 4 };

/** The least that a value of the schema takes in a body. */
function minBytes(schema: JsonSchema | undefined): number {
  switch (schema?.type) {
    case 'object':
      return 2 + (schema.required ?? []).reduce((sum, name) => sum + name.length + 4 + minBytes(propertyOf(schema, name)), 0);
    case 'array':
      return 2;
    case 'string':
      return FORMAT_BYTES[schema.format ?? ''] ?? 2 + (schema.minLength ?? 0);
    case 'boolean':
      return 4;
    default:
      return 1;
  }
}

function estimate(node: Node, scopes: Scopes): Estimate {
  const { alternate, macro } = node.meta;
  if (alternate) return estimate(alternate, scopes);
  if (macro && 'range' in macro) return twoVariables(macro as TwoVariables, scopes);
  if (macro) return { cost: 1 + sum(macro.args ?? [], scopes) };
  switch (node.op) {
    case 'value':
      return { cost: 0 };
    case 'id':
      return { cost: 1, schema: scopes.get(node.args as string) };
    case '.':
    case '.?': {
      const [from, field] = node.args as readonly [Node, string];
      const { cost, schema } = estimate(from, scopes);
      return { cost: cost + 1, schema: schema && fieldOf(schema, field) };
    }
    case '[]':
    case '[?]': {
      const [from, key] = node.args as readonly [Node, Node];
      const { cost, schema } = estimate(from, scopes);
      return { cost: cost + estimate(key, scopes).cost + 1, schema: schema && (itemsOf(schema) ?? valuesOf(schema)) };
    }
    case '?:': {
      const [condition, a, b] = (node.args as readonly Node[]).map((each) => estimate(each, scopes));
      return { cost: 1 + condition!.cost + Math.max(a!.cost, b!.cost) };
    }
    case 'comprehension':
      return comprehension(node.args as Comprehension, scopes);
    default: {
      const base = node.op === 'list' ? COST_OF_LIST : node.op === 'map' ? COST_OF_MAP : node.op.startsWith('accu') ? 0 : 1;
      return { cost: base + sum(node.args, scopes) };
    }
  }
}

interface Comprehension {
  readonly iterable: Node;
  readonly iterVarName: string;
  readonly step: Node;
}

function comprehension({ iterable, iterVarName, step }: Comprehension, scopes: Scopes): Estimate {
  const { cost, schema } = estimate(iterable, scopes);
  // A map is gone through by its keys.
  const inner = schema && itemsOf(schema);
  const each = estimate(step, new Map([...scopes, [iterVarName, inner]])).cost;
  // Of what is no part of the object nothing is known; it is mostly written out, and short.
  return { cost: cost + each * (schema ? maxCount(schema) : 1) };
}

function twoVariables({ args, range, valueName }: TwoVariables, scopes: Scopes): Estimate {
  const { cost, schema } = estimate(range, scopes);
  const inner = new Map([...scopes, [valueName, schema && (itemsOf(schema) ?? valuesOf(schema))]]);
  const each = args.slice(1).reduce((total, node) => total + estimate(node, inner).cost, 1);
  return { cost: cost + each * (schema ? maxCount(schema) : 1) };
}

const fieldOf = (schema: JsonSchema, field: string): JsonSchema | undefined => {
  const name = Object.keys(schema.properties ?? {}).find((each) => celName(each) === field);
  return name === undefined ? valuesOf(schema) : propertyOf(schema, name);
};

/** Of all nodes among the arguments. */
function sum(args: unknown, scopes: Scopes): number {
  if (Array.isArray(args)) return args.reduce((total: number, each) => total + sum(each, scopes), 0);
  const isNode = typeof args === 'object' && args !== null && 'meta' in args;
  return isNode ? estimate(args as Node, scopes).cost : 0;
}

/** As upstream words it: by how much, as far as that says anything. */
export function tooExpensive(what: string, cost: number, limit: number): string {
  const times = cost / limit;
  const factor = times > 100 ? 'more than 100x' : times < 1.5 ? `${times.toFixed(6)}x` : `${times.toFixed(1)}x`;
  return `${what} exceeds budget by factor of ${factor} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}
