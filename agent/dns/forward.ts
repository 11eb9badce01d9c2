// Everything outside the cluster: asked of the name servers of its domain, or of the node's own, in the order in which they answer;
// with a bound on what is under way, and a cache.
import type { DecodedPacket } from 'dns-packet';
import type { Clock } from '../../src/apimachinery/clock.js';
import { parseHostPort } from '../proxy/net.js';
import type { DnsMetrics } from './metrics.js';
import type { Question } from './records.js';
import { ReplyCache } from './reply-cache.js';
import { askUpstream, type Upstream } from './upstream.js';

/** Resolves one question; rejects with a ForwardError where no name server could answer it. */
export interface Forwarder {
  /** At once where the answer is known. */
  cached(question: Question): DecodedPacket | undefined;
  resolve(question: Question): Promise<DecodedPacket>;
  readonly cacheSize: number;
}

/** Why there is no answer, in words for the log; the client gets SERVFAIL. */
export class ForwardError extends Error {
  override readonly name = 'ForwardError';
}

/** Name servers of single domains, before all others. */
export interface StubDomains {
  readonly [domain: string]: readonly string[];
}

export interface ForwarderOptions {
  readonly upstreams: readonly string[];
  readonly stubDomains?: StubDomains;
  readonly clock: Clock;
  readonly metrics: DnsMetrics;
}

/** glibc knows three name servers at most, too. */
const MAX_UPSTREAMS = 3;
/** Each holds a socket; a node's pods together seldom have more than some dozens. */
const MAX_IN_FLIGHT = 512;
/** One that did not answer is asked after the others for so long. */
const DOWN_MS = 10_000;
/** Its trouble, not the name's: the next may know better. */
const TRY_NEXT = new Set(['SERVFAIL', 'REFUSED', 'NOTIMP', 'FORMERR']);

const rcodeOf = (reply: DecodedPacket) => (reply as { rcode?: string }).rcode ?? 'SERVFAIL';

export function createForwarder({ upstreams, stubDomains = {}, clock, metrics }: ForwarderOptions): Forwarder {
  const defaults = parseUpstreams(upstreams);
  // The longest domain first.
  const stubs = Object.entries(stubDomains)
    .map(([domain, servers]) => ({ domain: domain.toLowerCase().replace(/\.$/, ''), servers: parseUpstreams(servers) }))
    .sort((a, b) => b.domain.length - a.domain.length);
  const cache = new ReplyCache(clock);
  const downUntil = new Map<string, number>();
  const underWay = new Map<string, Promise<DecodedPacket>>();

  const serversFor = ({ name }: Question): readonly Upstream[] => {
    const asked = name.toLowerCase().replace(/\.$/, '');
    return stubs.find(({ domain }) => asked === domain || asked.endsWith(`.${domain}`))?.servers ?? defaults;
  };

  const askInTurn = async (question: Question, servers: readonly Upstream[]): Promise<DecodedPacket> => {
    const now = clock.monotonic();
    const isDown = (upstream: Upstream) => (downUntil.get(keyOf(upstream)) ?? 0) > now;
    const failures: string[] = [];
    let unsure: DecodedPacket | undefined;
    for (const upstream of [...servers.filter((each) => !isDown(each)), ...servers.filter(isDown)]) {
      const to = keyOf(upstream);
      try {
        const reply = await metrics.timeForward(to, () => askUpstream(question, upstream, clock));
        downUntil.delete(to);
        if (!TRY_NEXT.has(rcodeOf(reply))) return reply;
        unsure ??= reply;
      } catch (error) {
        downUntil.set(to, clock.monotonic() + DOWN_MS);
        failures.push(`${to}: ${(error as Error).message}`);
      }
    }
    if (unsure) return unsure;
    throw new ForwardError(failures.join('; '));
  };

  const look = async (question: Question): Promise<DecodedPacket> => {
    const servers = serversFor(question);
    if (servers.length === 0) throw new ForwardError('this node has no name server for names outside the cluster');
    const reply = await askInTurn(question, servers);
    cache.put(question, reply);
    return reply;
  };

  return {
    cached(question) {
      const reply = cache.get(question);
      if (reply) metrics.cacheHit(rcodeOf(reply) === 'NOERROR' && reply.answers?.length ? 'success' : 'denial');
      return reply;
    },
    resolve(question) {
      metrics.cacheMiss();
      // Whoever asks the same meanwhile waits for the same answer: so do our own questions where name servers send them back to us.
      const key = `${question.type} ${question.name.toLowerCase()}`;
      const known = underWay.get(key);
      if (known) return known;
      if (underWay.size >= MAX_IN_FLIGHT) return Promise.reject(new ForwardError(`${MAX_IN_FLIGHT} questions are already under way`));
      const asked = look(question).finally(() => underWay.delete(key));
      underWay.set(key, asked);
      return asked;
    },
    get cacheSize() {
      return cache.size;
    },
  };
}

const keyOf = ({ host, port }: Upstream) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);

function parseUpstreams(texts: readonly string[]): readonly Upstream[] {
  return texts.slice(0, MAX_UPSTREAMS).map((text) => {
    const upstream = parseHostPort(text, 53);
    if (!upstream) throw new Error(`name server ${JSON.stringify(text)} is no address, with or without :port`);
    return upstream;
  });
}
