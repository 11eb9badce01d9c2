// The field registerWithTaints: objects in a file, `key=value:effect` behind its flag.
import { isJsonObject, type Json } from '../../src/apimachinery/json.js';
import { ConfigurationError, group, listOf, oneOf, text } from './field.js';

const fields = group({
  key: text(),
  value: text(),
  effect: oneOf(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], 'NoSchedule'),
});

/** Key and effect have to be said. */
const taint: typeof fields = {
  ...fields,
  read(value, path) {
    const missing = ['key', 'effect'].find((name) => isJsonObject(value) && !value[name]);
    if (missing) throw new ConfigurationError(`${path}.${missing}: must not be empty`);
    return fields.read(value, path);
  },
};

/** A text that is none is left to be refused where it is read. */
function fromText(given: string): Json {
  const parts = given.split(',').filter((part) => part !== '');
  const taints = parts.map((part) => /^([^=:]+)(?:=([^:]*))?:(\w+)$/.exec(part));
  if (taints.includes(null)) return given;
  return taints.map((match) => ({ key: match![1]!, value: match![2] ?? '', effect: match![3]! }));
}

export const taints = (about: string) => ({ ...listOf(taint), about, fromText });
