// Errors: whatever goes wrong becomes a StatusError. What is nobody's mistake but ours is logged and answered with 500.
import { internalError, StatusError, serviceUnavailable } from '../../apimachinery/status.js';
import { EtcdError } from '../../etcd/backend.js';
import type { Filter } from './filter.js';

export const errors: Filter = {
  name: 'Errors',
  inProcess: true,
  async apply(exchange, next, { log }) {
    try {
      return await next();
    } catch (error) {
      if (error instanceof StatusError) throw error;
      const message = error instanceof Error ? error.message : String(error);
      const where = { method: exchange.method, path: exchange.path };
      if (error instanceof EtcdError && error.code === 'UNAVAILABLE') {
        log.warn({ ...where, error: message }, 'the store is not available');
        throw serviceUnavailable(`the store is not available: ${message}`);
      }
      log.error({ ...where, error: message, stack: error instanceof Error ? error.stack : undefined }, 'request failed');
      throw internalError(message);
    }
  },
};
