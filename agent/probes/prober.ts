// One probe of one running container: when to try, and what its successes and failures in a row amount to.
import type { Clock, Timer } from '../../src/apimachinery/clock.js';
import type { Probe } from '../../src/kinds/types/core_v1.js';
import type { ProbeOutcome } from './probe.js';

export type ProbeKind = 'liveness' | 'readiness' | 'startup';
export type Verdict = 'success' | 'failure' | 'unknown';

export interface ProberOptions {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  /** Wall time. */
  readonly containerStartedAt_ms: number;
  readonly initial: Verdict;
  readonly clock: Clock;
  probeOnce(): Promise<ProbeOutcome>;
  /** False while another probe has to succeed first. */
  mayRun(): boolean;
  /** Of each try. */
  onOutcome(outcome: ProbeOutcome): void;
  onVerdict(verdict: Verdict): void;
}

export class Prober {
  verdict: Verdict;
  private streak = 0;
  private lastSuccess: boolean | undefined;
  private timer: Timer | undefined;
  private stopped = false;

  constructor(private readonly options: ProberOptions) {
    this.verdict = options.initial;
    const delay_ms = (options.probe.initialDelaySeconds ?? 0) * 1000;
    // At most all of it, where the clock was set back since the container started.
    this.arm(Math.max(0, Math.min(delay_ms, options.containerStartedAt_ms + delay_ms - options.clock.now())));
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  /** Tries now rather than at the next period: what it waited for has come. */
  hurry(): void {
    if (!this.timer || this.stopped) return;
    this.timer.cancel();
    this.arm(0);
  }

  private arm(delay_ms: number): void {
    this.timer = this.options.clock.after(delay_ms, () => void this.run());
  }

  private async run(): Promise<void> {
    this.timer = undefined;
    const { clock, probe } = this.options;
    const began_ms = clock.monotonic();
    if (this.options.mayRun()) {
      const outcome = await this.options.probeOnce();
      if (this.stopped) return;
      this.note(outcome);
    }
    const period_ms = (probe.periodSeconds ?? 10) * 1000;
    // A startup or liveness probe has said its last word once it has failed; a startup probe also once it has succeeded.
    const isOver = this.options.kind !== 'readiness' && this.verdict === 'failure';
    if (this.stopped || isOver || (this.options.kind === 'startup' && this.verdict === 'success')) return;
    this.arm(Math.max(0, period_ms - (clock.monotonic() - began_ms)));
  }

  private note(outcome: ProbeOutcome): void {
    const { probe, onOutcome, onVerdict } = this.options;
    onOutcome(outcome);
    if (outcome.result === 'unknown') return;
    const success = outcome.result !== 'failure';
    this.streak = success === this.lastSuccess ? this.streak + 1 : 1;
    this.lastSuccess = success;
    const needed = success ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
    const verdict = success ? 'success' : 'failure';
    if (this.streak < needed || this.verdict === verdict) return;
    this.verdict = verdict;
    onVerdict(verdict);
  }
}
