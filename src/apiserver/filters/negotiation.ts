// Negotiation: a client that accepts none of our forms is told so before anything is done for it.
import { formOf } from '../http/negotiate.js';
import { isConnection } from '../request.js';
import type { Filter } from './filter.js';

export const negotiation: Filter = {
  name: 'Negotiation',
  inProcess: false,
  apply(exchange, next) {
    if (exchange.info.isResource && !isConnection(exchange.info)) exchange.form = formOf(exchange.headers.accept, exchange.query);
    return next();
  },
};
