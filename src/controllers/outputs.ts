// onlyDeclared: a controller's client that writes nothing but the controller's declared outputs, as its lister reads nothing but its inputs.
import type { Client } from '../client/client.js';
import type { AnyKind } from '../kinds/define.js';
import { kinds } from '../kinds/index.js';
import type { ControllerDefinition } from './define.js';

/** A write to anything else throws: it is a defect, and the graph of who reacts to what would be wrong. */
export function onlyDeclared(client: Client, { name, outputs, customInputs }: ControllerDefinition): Client {
  const declared = new Set(outputs.map((output) => ('of' in output ? idOf(output.of, output.subresource) : idOf(output))));
  const check = (kind: AnyKind, subresource?: string): void => {
    if (declared.has(idOf(kind, subresource))) return;
    // Who takes the kinds that users define as inputs acts on them just the same.
    if (customInputs && !subresource && !kinds.includes(kind)) return;
    throw new Error(`controller ${name} writes ${kind.plural}${subresource ? `/${subresource}` : ''}, which is not among its outputs`);
  };
  return {
    get: (kind, name) => client.get(kind, name),
    list: (kind, options) => client.list(kind, options),
    watch: (kind, options, signal) => client.watch(kind, options, signal),
    async create(kind, object) {
      check(kind);
      return client.create(kind, object);
    },
    async update(kind, object, subresource) {
      check(kind, subresource);
      return client.update(kind, object, subresource);
    },
    async patch(kind, name, type, patch, subresource) {
      check(kind, subresource);
      return client.patch(kind, name, type, patch, subresource);
    },
    async delete(kind, name, options) {
      check(kind);
      return client.delete(kind, name, options);
    },
    async deleteCollection(kind, options) {
      check(kind);
      return client.deleteCollection(kind, options);
    },
    async post(kind, name, subresource, body) {
      check(kind, subresource);
      return client.post(kind, name, subresource, body);
    },
  };
}

const idOf = ({ apiVersion, plural }: AnyKind, subresource = '') => `${apiVersion}/${plural}/${subresource}`;
