// One question to one reply: the cluster's names from the caches, all else from the forwarder, CNAMEs followed across both.
import type { Answer, DecodedPacket } from 'dns-packet';
import type { Random } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { SyncedView } from './cluster-view.js';
import { ForwardError, type Forwarder } from './forward.js';
import { answer, type ClusterView, type Question, type Reply } from './records.js';

export interface Resolution {
  readonly rcode: string;
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
  readonly additionals: readonly Answer[];
  readonly authoritative: boolean;
}

export interface ResolverOptions {
  readonly view: SyncedView;
  /** What an agent before this one knew, for as long as `view` has nothing to say. */
  readonly saved?: ClusterView | undefined;
  readonly forwarder: Forwarder;
  readonly random: Random;
  readonly log: Logger;
}

export const SERVFAIL: Resolution = { rcode: 'SERVFAIL', answers: [], authorities: [], additionals: [], authoritative: false };

/** At once where nobody else need be asked. Never rejects for want of an answer: that is SERVFAIL. */
export function resolve(question: Question, options: ResolverOptions): Resolution | Promise<Resolution> {
  const { view, saved, random } = options;
  const known = view.synced ? view : saved;
  const own = answer(question, known ?? view);
  if (!own) return forward(question, options);
  // An honest "not yet": a missing name would be believed and remembered.
  if (!known) return SERVFAIL;
  if (own.continueAt) return followOut(own, question, options);
  return { ...own, answers: shuffled(own.answers, random), authoritative: true };
}

async function followOut(own: Reply, question: Question, options: ResolverOptions): Promise<Resolution> {
  const rest = await forward({ name: own.continueAt!, type: question.type }, options);
  return { ...rest, answers: [...own.answers, ...rest.answers], authoritative: false };
}

function forward(question: Question, { forwarder, log }: ResolverOptions): Resolution | Promise<Resolution> {
  const cached = forwarder.cached(question);
  if (cached) return resolutionOf(cached);
  return forwarder.resolve(question).then(resolutionOf, (error: unknown) => {
    if (!(error instanceof ForwardError)) throw error;
    log.debug({ name: question.name, type: question.type, reason: error.message }, 'name outside the cluster could not be resolved');
    return SERVFAIL;
  });
}

function resolutionOf(reply: DecodedPacket): Resolution {
  const rcode = (reply as { rcode?: string }).rcode ?? 'SERVFAIL';
  return { rcode, answers: reply.answers ?? [], authorities: reply.authorities ?? [], additionals: [], authoritative: false };
}

/** Addresses in random order, so that clients which take the first one spread over a headless Service's pods. CNAMEs stay in front. */
function shuffled(answers: readonly Answer[], random: Random): readonly Answer[] {
  if (answers.length < 2) return answers;
  const out = [...answers];
  const first = out.findIndex((record) => record.type !== 'CNAME');
  for (let i = out.length - 1; first >= 0 && i > first; i--) {
    const j = first + Math.floor(random.next() * (i - first + 1));
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}
