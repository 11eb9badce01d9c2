// keepRenewed: has a certificate replaced when 30 % of its life is left, and tries again with growing waits when that fails.
import type { Clock, Random, Timer } from '../src/apimachinery/clock.js';
import type { Logger } from '../src/apimachinery/logger.js';
import { StatusError } from '../src/apimachinery/status.js';
import { Backoff } from '../src/client/backoff.js';
import { readCertificate } from '../src/client/certificates.js';
import { BootstrapError } from './bootstrap-error.js';
import type { CertAndKey } from './certificate-store.js';

const LIFE_LEFT = 0.3;
/** Nodes that joined together do not all renew in the same moment. */
const SPREAD = 0.1;
const RETRY_MIN_ms = 10_000;
const RETRY_MAX_ms = 3600_000;
/** Timers are set anew at least so often: one of months would be wrong after the wall clock was put right. */
const CHECK_MAX_ms = 24 * 3600_000;

export interface RenewalOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** `renew` returns the new certificate. */
export function keepRenewed(first: CertAndKey, { clock, random, log }: RenewalOptions, renew: () => Promise<CertAndKey>): { stop(): void } {
  const backoff = new Backoff({ random, initial_ms: RETRY_MIN_ms, max_ms: RETRY_MAX_ms });
  let stopped = false;
  let timer: Timer;
  let due_ms = renewalTime(first, random);
  const arm = (delay_ms: number) => {
    if (!stopped) timer = clock.after(delay_ms, () => void check());
  };
  async function check(): Promise<void> {
    if (clock.now() < due_ms) return arm(Math.min(CHECK_MAX_ms, due_ms - clock.now()));
    try {
      due_ms = renewalTime(await renew(), random);
      backoff.reset();
      arm(Math.min(CHECK_MAX_ms, due_ms - clock.now()));
    } catch (error) {
      if (!(error instanceof StatusError || error instanceof BootstrapError)) throw error;
      const retry_ms = backoff.next_ms();
      if (!stopped) log.warn({ retry_ms: Math.round(retry_ms) }, `the certificate could not be renewed: ${error.message}`);
      arm(retry_ms);
    }
  }
  arm(0);
  return {
    stop() {
      stopped = true;
      timer.cancel();
    },
  };
}

function renewalTime({ cert }: CertAndKey, random: Random): number {
  const { notBefore_ms, notAfter_ms } = readCertificate(cert);
  const life_ms = notAfter_ms - notBefore_ms;
  return notAfter_ms - life_ms * (LIFE_LEFT + SPREAD * random.next());
}
