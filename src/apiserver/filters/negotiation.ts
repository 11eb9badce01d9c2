// Negotiation: a client that accepts none of our forms is told so before anything is done for it.
import { hasProtobuf } from '../../apimachinery/codec/protobuf-encode.js';
import { formOf } from '../http/negotiate.js';
import { isConnection } from '../request.js';
import type { Filter } from './filter.js';

export const negotiation: Filter = {
  name: 'Negotiation',
  inProcess: false,
  enter(exchange, { resources, externalApis }) {
    const { info, query, headers } = exchange;
    // What another server answers is between it and the client.
    if (info.isResource && !isConnection(info) && !externalApis.get(info)) {
      const resource = resources.find(info.group, info.version, info.resource);
      const protobuf = !resource || hasProtobuf(resource.schema);
      const { accept, userAgent } = headers;
      exchange.form = formOf({ accept, userAgent, query, protobuf, watch: info.verb === 'watch' });
    }
  },
};
