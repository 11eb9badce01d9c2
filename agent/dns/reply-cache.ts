// A small bounded cache of other servers' answers, each kept no longer than its records allow.
import type { Answer, DecodedPacket } from 'dns-packet';
import type { Clock } from '../../src/apimachinery/clock.js';
import type { Question } from './records.js';

/** Enough for what a node's pods ask again and again; about 1 MB. */
const MAX_ENTRIES = 1000;
const MAX_TTL_S = 30;
/** For answers without any record to tell: a name that comes into being is seen soon. */
const NEGATIVE_TTL_S = 5;

interface Entry {
  readonly reply: DecodedPacket;
  readonly stored_ms: number;
  readonly ttl_s: number;
}

export class ReplyCache {
  /** In the order of use, the longest unused first. */
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly clock: Clock) {}

  /** The reply with its TTLs counted down. */
  get(question: Question): DecodedPacket | undefined {
    const key = keyOf(question);
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    this.entries.delete(key);
    const age_s = (this.clock.monotonic() - entry.stored_ms) / 1000;
    if (age_s >= entry.ttl_s) return undefined;
    this.entries.set(key, entry);
    const older = (records: readonly Answer[] | undefined) => (records ?? []).map((record) => aged(record, Math.floor(age_s)));
    return { ...entry.reply, answers: older(entry.reply.answers), authorities: older(entry.reply.authorities) };
  }

  put(question: Question, reply: DecodedPacket): void {
    const rcode = (reply as { rcode?: string }).rcode;
    if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') return;
    const ttl_s = ttlOf(reply);
    if (ttl_s <= 0) return;
    const key = keyOf(question);
    this.entries.delete(key);
    this.entries.set(key, { reply, stored_ms: this.clock.monotonic(), ttl_s });
    if (this.entries.size > MAX_ENTRIES) this.entries.delete(this.entries.keys().next().value!);
  }
}

const keyOf = ({ name, type }: Question) => `${type} ${name.toLowerCase()}`;

function aged(record: Answer, age_s: number): Answer {
  return 'ttl' in record && typeof record.ttl === 'number' ? ({ ...record, ttl: Math.max(0, record.ttl - age_s) } as Answer) : record;
}

function ttlOf(reply: DecodedPacket): number {
  const ttls = [...(reply.answers ?? []), ...(reply.authorities ?? [])].flatMap((r) =>
    'ttl' in r && typeof r.ttl === 'number' ? [r.ttl] : [],
  );
  const most = reply.answers?.length ? MAX_TTL_S : NEGATIVE_TTL_S;
  return Math.min(most, ...ttls);
}
