// What upstream warns of in definitions: formats that nobody checks, and sets of what has no order to be compared by.
import { formatCheck } from '../../apimachinery/structural/formats.js';
import { itemsOf, type JsonSchema, someSchema } from '../../apimachinery/structural/schema.js';
import type { CustomResourceDefinition } from '../types/apiextensions_v1.js';

const NUMERIC: { readonly [type: string]: readonly string[] } = { integer: ['int32', 'int64'], number: ['float', 'double'] };

/** Only of what is new. */
export function definitionWarnings(definition: CustomResourceDefinition, old: CustomResourceDefinition | undefined): readonly string[] {
  const known = new Set(old ? warningsOf(old) : []);
  return warningsOf(definition).filter((warning) => !known.has(warning));
}

function warningsOf({ spec }: CustomResourceDefinition): readonly string[] {
  const formats = new Set<string>();
  const sets = new Set<string>();
  for (const { schema } of spec.versions) {
    someSchema(schema?.openAPIV3Schema as JsonSchema | undefined, (each) => {
      if (each.format && !isKnown(each)) formats.add(`unrecognized format ${JSON.stringify(each.format)}`);
      const type = each['x-kubernetes-list-type'] === 'set' ? itemsOf(each)?.type : undefined;
      if (type === 'object' || type === 'array') {
        sets.add(
          `x-kubernetes-list-type: set for items of type ${JSON.stringify(type)} is not supported by server-side apply or CEL validation rules`,
        );
      }
      return false;
    });
  }
  return [...formats, ...[...sets].sort()];
}

function isKnown({ type, format = '' }: JsonSchema): boolean {
  if (!type || type === 'string') return formatCheck(format) !== undefined;
  return NUMERIC[type]?.includes(format) ?? false;
}
