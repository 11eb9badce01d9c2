// Filter: one step that every request passes before it is handled. A request pays for each of them, so none is asynchronous without need.
import { StatusError } from '../../apimachinery/status.js';
import type { ApiContext } from '../context.js';
import type { Exchange, Result } from '../exchange.js';
import { statusOf } from './errors.js';

export interface Filter {
  readonly name: string;
  /** Whether requests from within the process pass it, too. */
  readonly inProcess: boolean;
  /** Throws to refuse the request. Most have nothing to wait for. */
  enter?(exchange: Exchange, context: ApiContext): Promise<void> | void;
  /** Called once for every request that has entered, with what became of it. Must not throw. */
  leave?(exchange: Exchange, outcome: Outcome, context: ApiContext): void;
}

export type Outcome = Result | StatusError;

export type Serve = (exchange: Exchange) => Promise<Result>;

/** One function of all filters, in their order, and `handler`. Rejects with nothing but a StatusError. */
export function chain(filters: readonly Filter[], handler: Serve, context: ApiContext): Serve {
  return async (exchange) => {
    let entered = 0;
    let outcome: Outcome;
    try {
      for (; entered < filters.length; entered++) {
        const pending = filters[entered]!.enter?.(exchange, context);
        if (pending) await pending;
      }
      outcome = await handler(exchange);
    } catch (error) {
      outcome = statusOf(error, exchange, context);
    }
    while (entered-- > 0) filters[entered]!.leave?.(exchange, outcome, context);
    if (outcome instanceof StatusError) throw outcome;
    return outcome;
  };
}
