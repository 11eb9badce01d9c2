// guardWrites: a client whose writes a check may refuse before they are sent; reads pass.
import type { AnyKind } from '../kinds/define.js';
import type { Client } from './client.js';

/** `check` throws what the write is to be rejected with. */
export function guardWrites(client: Client, check: (kind: AnyKind, subresource?: string) => void): Client {
  return {
    get: (kind, name, subresource) => client.get(kind, name, subresource),
    list: (kind, options) => client.list(kind, options),
    watch: (kind, options, signal) => client.watch(kind, options, signal),
    discover: (group, version) => client.discover(group, version),
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
