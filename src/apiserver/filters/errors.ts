// Errors: whatever goes wrong becomes a StatusError. What is nobody's mistake but ours is logged and answered with 500.
import { internalError, StatusError, serviceUnavailable } from '../../apimachinery/status.js';
import { EtcdError } from '../../etcd/backend.js';
import type { ApiContext } from '../context.js';
import type { Exchange } from '../exchange.js';

export function statusOf(error: unknown, { method, path }: Exchange, { log }: ApiContext): StatusError {
  if (error instanceof StatusError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof EtcdError && error.code === 'UNAVAILABLE') {
    log.warn({ method, path, error: message }, 'the store is not available');
    return serviceUnavailable(`the store is not available: ${message}`);
  }
  log.error({ method, path, error: message, stack: error instanceof Error ? error.stack : undefined }, 'request failed');
  return internalError(message);
}
