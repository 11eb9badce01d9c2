// Request info: tells once what the request asks for.
import { requestInfo } from '../request.js';
import type { Filter } from './filter.js';

export const requestInfoFilter: Filter = {
  name: 'RequestInfo',
  inProcess: true,
  enter(exchange) {
    exchange.info = requestInfo(exchange.method, exchange.path, exchange.query);
  },
};
