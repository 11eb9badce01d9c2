// A reason why a container cannot start yet, as it stands in its status.

export class WaitingError extends Error {
  override readonly name = 'WaitingError';
  constructor(
    /** Upstream's: ErrImagePull, CrashLoopBackOff, CreateContainerConfigError ... */
    readonly reason: string,
    message: string,
    /** When to try again; absent: by the pod's own back-off. */
    readonly retryAfter_ms?: number,
  ) {
    super(message);
  }
}
