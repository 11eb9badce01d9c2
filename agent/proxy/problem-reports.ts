// Tells of problems once for as long as they last: in the log, and by an event on the object that they are about.
import type { Logger } from '../../src/apimachinery/logger.js';
import type { KubeObject } from '../../src/apimachinery/object.js';
import type { EventRecorder } from '../../src/client/events.js';

export class ProblemReports {
  /** By what they are about: `Service default/web`. */
  readonly #told = new Map<string, ReadonlySet<string>>();

  constructor(
    private readonly events: EventRecorder | undefined,
    private readonly log: Logger,
  ) {}

  /** The problems that `subject` has now; `object` is what the event is about, where it can be had. */
  set(subject: string, messages: readonly string[], object: KubeObject | undefined, reason: string): void {
    const before = this.#told.get(subject);
    for (const message of messages) {
      if (before?.has(message)) continue;
      this.log.warn({ about: subject }, `${subject}: ${message}`);
      if (object) this.events?.event(object, 'Warning', reason, message);
    }
    if (messages.length > 0) this.#told.set(subject, new Set(messages));
    else if (before) this.#told.delete(subject);
  }
}
