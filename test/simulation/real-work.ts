// Cryptography in a simulation: threads do it, in real time, which simulated time has to wait for; one after the other, so that it ends in the order in
// which it was asked for.
const { subtle } = globalThis.crypto;
const METHODS = ['sign', 'verify', 'digest', 'importKey', 'exportKey'] as const;

let begun = 0;
let ended = 0;
let last: Promise<unknown> = Promise.resolve();

/** How much of it has ended; undefined while some is under way. */
export const realWorkDone = (): number | undefined => (begun === ended ? ended : undefined);

for (const name of METHODS) {
  const method = subtle[name].bind(subtle) as (...args: readonly unknown[]) => Promise<unknown>;
  const inOrder = (...args: readonly unknown[]): Promise<unknown> => {
    begun++;
    const done = last.then(() => method(...args)).finally(() => ended++);
    last = done.catch(() => undefined);
    return done;
  };
  Object.assign(subtle, { [name]: inOrder });
}
