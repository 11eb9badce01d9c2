// stopOnSignal: SIGTERM and SIGINT end a server in good order.

/** A second signal does not wait: whoever sends it means it. */
export function stopOnSignal(stop: () => Promise<void>, tell: (signal: string) => void): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1);
    stopping = true;
    tell(signal);
    void stop().then(() => process.exit(0));
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}
