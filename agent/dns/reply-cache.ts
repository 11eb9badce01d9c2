// A small bounded cache of other servers' answers, each kept no longer than its records allow.
import type { Answer, DecodedPacket } from 'dns-packet';
import type { Clock } from '../../src/apimachinery/clock.js';
import type { Question } from './records.js';

/** Enough for what a node's pods ask again and again; about 4 MB. */
const MAX_ENTRIES = 4096;
/** As kubeadm sets CoreDNS' cache up, for names that there are and for those that there are not. */
const MAX_TTL_S = 30;
/** Of a "no" without any record to tell: a name that comes into being is seen soon. */
const UNTOLD_TTL_S = 5;

interface Entry {
  readonly reply: DecodedPacket;
  readonly stored_ms: number;
  readonly ttl_s: number;
  /** The age in seconds that `aged` has been worked out for. */
  age_s: number;
  aged: DecodedPacket;
}

export class ReplyCache {
  /** In the order of use, the longest unused first. */
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly clock: Clock) {}

  get size(): number {
    return this.entries.size;
  }

  /** The reply with its TTLs counted down. */
  get(question: Question): DecodedPacket | undefined {
    const key = keyOf(question);
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    this.entries.delete(key);
    const age_s = (this.clock.monotonic() - entry.stored_ms) / 1000;
    if (age_s >= entry.ttl_s) return undefined;
    this.entries.set(key, entry);
    const whole_s = Math.floor(age_s);
    if (whole_s !== entry.age_s) {
      const older = (records: readonly Answer[] | undefined) => (records ?? []).map((record) => aged(record, whole_s));
      entry.aged = { ...entry.reply, answers: older(entry.reply.answers), authorities: older(entry.reply.authorities) };
      entry.age_s = whole_s;
    }
    return entry.aged;
  }

  put(question: Question, reply: DecodedPacket): void {
    const rcode = (reply as { rcode?: string }).rcode;
    if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') return;
    const ttl_s = ttlOf(reply);
    if (ttl_s <= 0) return;
    const key = keyOf(question);
    this.entries.delete(key);
    this.entries.set(key, { reply, stored_ms: this.clock.monotonic(), ttl_s, age_s: 0, aged: reply });
    if (this.entries.size > MAX_ENTRIES) this.entries.delete(this.entries.keys().next().value!);
  }
}

const keyOf = ({ name, type }: Question) => `${type} ${name.toLowerCase()}`;

function aged(record: Answer, age_s: number): Answer {
  return 'ttl' in record && typeof record.ttl === 'number' ? ({ ...record, ttl: Math.max(0, record.ttl - age_s) } as Answer) : record;
}

/** Of an answer its records' least; of a "no" what its SOA says (RFC 2308). */
function ttlOf({ answers = [], authorities = [] }: DecodedPacket): number {
  const told = [...answers, ...authorities].flatMap((record) =>
    'ttl' in record && typeof record.ttl === 'number'
      ? [record.type === 'SOA' && answers.length === 0 ? Math.min(record.ttl, record.data.minimum ?? record.ttl) : record.ttl]
      : [],
  );
  return Math.min(MAX_TTL_S, ...(told.length > 0 ? told : [UNTOLD_TTL_S]));
}
