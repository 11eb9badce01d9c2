// Carries bytes between a client and a process until the process ends or the client leaves.
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Logger } from '../../../src/apimachinery/logger.js';
import type { ProcessStreams } from '../../runtime/runtime.js';
import { type ClientStreams, exitOutcome, failureOutcome, type Outcome } from './client-streams.js';

/** Never rejects. A process whose client has left before its end is ended (exec) or let go of (attach). */
export async function serveProcess(client: ClientStreams, start: () => Promise<ProcessStreams>, log: Logger): Promise<void> {
  let process: ProcessStreams;
  try {
    process = await start();
  } catch (error) {
    return client.finish(failureOutcome(error as Error));
  }
  const debug = (what: string) => (error: Error) => log.debug({ error: error.message }, what);
  process.stdin.on('error', debug('the input of a process broke off'));
  client.stdin?.pipe(process.stdin);
  client.onResize((size) => void process.resize(size).catch(debug('cannot resize a terminal')));
  const outcome = await Promise.race([outcomeOf(client, process), client.closed]);
  if (outcome) await client.finish(outcome);
  else await process.abandon().catch((error: Error) => log.warn({ error: error.message }, 'cannot end a command that nobody waits for'));
  process.close();
}

async function outcomeOf(client: ClientStreams, process: ProcessStreams): Promise<Outcome> {
  try {
    await Promise.all([pass(process.stdout, client.stdout), pass(process.stderr, client.stderr)]);
    return exitOutcome(await process.exitCode());
  } catch (error) {
    return failureOutcome(error as Error);
  }
}

/** Resolves at the source's end; what nobody wants, or nobody takes any more, is read and dropped. */
async function pass(source: Readable, target: Writable | undefined): Promise<void> {
  if (target && !target.destroyed) {
    target.once('close', () => source.resume());
    source.pipe(target, { end: false });
  } else source.resume();
  await finished(source, { writable: false });
}
