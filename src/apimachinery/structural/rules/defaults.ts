// checkDefaults: which of a schema's rules the schema's own defaults break.
import type { FieldError } from '../../field.js';
import type { Json } from '../../json.js';
import { checkRules } from './check.js';
import type { RuleNode } from './compile.js';

/** `at` is the path of the schema that `node` is about. */
export function checkDefaults(node: RuleNode, at: string): readonly FieldError[] {
  const value = node.schema.default as Json | undefined;
  return [
    ...(value === undefined ? [] : checkRules(node, value, undefined, `${at}.default`)),
    ...[...node.properties].flatMap(([name, property]) => checkDefaults(property, `${at}.properties[${name}]`)),
    ...(node.items ? checkDefaults(node.items, `${at}.items`) : []),
    ...(node.values ? checkDefaults(node.values, `${at}.additionalProperties`) : []),
  ];
}
