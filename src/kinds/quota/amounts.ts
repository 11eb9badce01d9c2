// Arithmetic of quotas: quantities by resource as amounts, and back in the form that people wrote them in.
import { formatQuantity } from '../../apimachinery/quantity.js';
import { resourceAmount } from '../core/podutil.js';
import type { Usage } from './usage.js';

export type Quantities = { readonly [resource: string]: string | number };

const CPU = /(^|\.)cpu$/;
const BYTES = /(^|[./])(memory|storage|ephemeral-storage)$|hugepages-/;

export function amountsOf(quantities: Quantities | undefined): Map<string, number> {
  return new Map(Object.entries(quantities ?? {}).map(([resource, quantity]) => [resource, resourceAmount(resource, quantity)]));
}

/** Millicores, bytes or pieces as a canonical quantity. */
export function quantityOf(resource: string, amount: number): string {
  if (CPU.test(resource)) return formatQuantity(amount / 1000, 'DecimalSI');
  return formatQuantity(amount, BYTES.test(resource) ? 'BinarySI' : 'DecimalSI');
}

export const quantitiesOf = (amounts: Usage): { [resource: string]: string } =>
  Object.fromEntries([...amounts].map(([resource, amount]) => [resource, quantityOf(resource, amount)]));

/** `a=1,b=2`, in order: how amounts stand in messages. */
export const textOf = (amounts: Usage): string =>
  [...amounts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([resource, amount]) => `${resource}=${quantityOf(resource, amount)}`)
    .join(',');

export function sum(...parts: readonly Usage[]): Map<string, number> {
  const total = new Map<string, number>();
  for (const part of parts) for (const [resource, amount] of part) total.set(resource, (total.get(resource) ?? 0) + amount);
  return total;
}

/** What `after` has more of than `before`; less of something counts as nothing. */
export function increase(after: Usage, before: Usage): Map<string, number> {
  const more = new Map<string, number>();
  for (const [resource, amount] of after) {
    const grown = amount - (before.get(resource) ?? 0);
    if (grown > 0) more.set(resource, grown);
  }
  return more;
}

/** Only the resources that `names` holds. */
export const only = (amounts: Usage, names: ReadonlySet<string> | Usage): Map<string, number> =>
  new Map([...amounts].filter(([resource]) => names.has(resource)));
