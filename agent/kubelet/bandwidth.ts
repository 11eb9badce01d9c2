// The bandwidth that a pod's annotations ask for, as the CNI plugin of that name takes it. Pure.
import { parseQuantity } from '../../src/apimachinery/quantity.js';
import type { PodBandwidth } from '../runtime/config.js';

const INGRESS = 'kubernetes.io/ingress-bandwidth';
const EGRESS = 'kubernetes.io/egress-bandwidth';

/** Upstream's bounds, in bits a second. */
const MIN_RATE = 1_000;
const MAX_RATE = 1e15;
/** Bits at once: no bound of its own, as upstream. */
const BURST = 0x7fffffff;

/** Undefined where it asks for none. Throws in upstream's words where it makes no sense. */
export function podBandwidth(annotations: { readonly [name: string]: string } | undefined): PodBandwidth | undefined {
  const ingressRate = rate(annotations?.[INGRESS]);
  const egressRate = rate(annotations?.[EGRESS]);
  if (ingressRate === undefined && egressRate === undefined) return undefined;
  return {
    ...(ingressRate === undefined ? {} : { ingressRate, ingressBurst: BURST }),
    ...(egressRate === undefined ? {} : { egressRate, egressBurst: BURST }),
  };
}

function rate(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  let value: number;
  try {
    value = parseQuantity(text);
  } catch (error) {
    throw new Error(`failed to get pod bandwidth from annotations: ${(error as Error).message}`);
  }
  if (value < MIN_RATE) throw new Error('failed to get pod bandwidth from annotations: resource is unreasonably small (< 1kbit)');
  if (value > MAX_RATE) throw new Error('failed to get pod bandwidth from annotations: resource is unreasonably large (> 1Pbit)');
  return Math.ceil(value);
}
