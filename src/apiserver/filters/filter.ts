// Filter: one step that every request passes, before and after the ones that follow it.
import type { ApiContext } from '../context.js';
import type { Exchange, Result } from '../exchange.js';

export type Next = () => Promise<Result>;

export interface Filter {
  readonly name: string;
  /** Whether requests from within the process pass it, too. */
  readonly inProcess: boolean;
  apply(exchange: Exchange, next: Next, context: ApiContext): Promise<Result>;
}

export type Serve = (exchange: Exchange) => Promise<Result>;

/** One function of all filters, the first outermost, around `handler`. */
export function chain(filters: readonly Filter[], handler: Serve, context: ApiContext): Serve {
  return filters.reduceRight<Serve>((inner, filter) => (exchange) => filter.apply(exchange, () => inner(exchange), context), handler);
}
