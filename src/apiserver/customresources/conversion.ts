// Conversion of custom resources between the version that they are stored in and one that is served.
import type { MutableJsonObject } from '../../apimachinery/clone.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { applyDefaults } from '../../apimachinery/structural/default.js';
import { prune } from '../../apimachinery/structural/prune.js';
import type { JsonSchema } from '../../apimachinery/structural/schema.js';
import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from '../../kinds/types/apiextensions_v1.js';
import type { Awaitable, Conversion } from '../storage/conversion.js';
import { schemaOf } from './kind.js';
import { type WebhookConverterParts, webhookConverter } from './webhook-converter.js';

/** Objects of the same resource as those of `apiVersion`, in the same order; they are the converter's to change. */
export type Converter = (objects: readonly KubeObject[], apiVersion: string) => Awaitable<readonly KubeObject[]>;

/** Strategy None: versions differ in name only. */
export const renameVersion: Converter = (objects, apiVersion) =>
  objects.map((object) => (object.apiVersion === apiVersion ? object : { ...object, apiVersion }));

export function converterOf({ spec: { conversion } }: CustomResourceDefinition, parts: WebhookConverterParts): Converter {
  return conversion?.strategy === 'Webhook' ? webhookConverter(parts, conversion.webhook!) : renameVersion;
}

/** Between the storage version and `version`. What is read is pruned and has its defaults, whenever it was written. */
export function customConversion(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  convert: Converter,
): Conversion {
  const { group, versions } = definition.spec;
  const { kind } = definition.status.acceptedNames;
  const storage = versions.find((each) => each.storage)!;
  const [storedVersion, servedVersion] = [`${group}/${storage.name}`, `${group}/${version.name}`];
  const schema = schemaOf(version);
  return {
    storedAs: { apiVersion: storedVersion, kind },
    toStorage(object) {
      if (object.apiVersion === storedVersion) return object;
      const converted = convert([object], storedVersion);
      return converted instanceof Promise ? converted.then(([first]) => first!) : converted[0]!;
    },
    fromStorage(objects) {
      const converted = objects.every(({ apiVersion }) => apiVersion === servedVersion) ? objects : convert(objects, servedVersion);
      const current = (all: readonly KubeObject[]) => all.map((object) => brought(object, schema));
      return converted instanceof Promise ? converted.then(current) : current(converted);
    },
  };
}

/** The object itself where nothing had to be changed. */
function brought(object: KubeObject, schema: JsonSchema): KubeObject {
  const draft = object as unknown as MutableJsonObject;
  const pruned = prune(draft, schema).length > 0;
  const defaulted = applyDefaults(draft, schema);
  return pruned || defaulted ? { ...object } : object;
}
