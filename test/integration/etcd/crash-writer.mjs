// A process that writes to a store on disk until it kills itself at a fault point: `node crash-writer.mjs DIR ROUND POINT NTH NEXT SNAPSHOT`.
// It tells what it does as lines of JSON on stdout, each before or after the call that it is about; from revision NEXT on, what it watches.
import { writeSync } from 'node:fs';
import { Level } from 'level';
import { systemClock } from '../../../dist/src/apimachinery/clock.js';
import { silentLogger } from '../../../dist/src/apimachinery/logger.js';
import { openLevelBackend } from '../../../dist/src/etcd/leveldb.js';
import { saveSnapshot, snapshotOf } from '../../../dist/src/etcd/snapshot.js';

const [dir, round, point, nth, next, snapshotFile] = process.argv.slice(2);
const REGISTERS = ['x', 'y'];
const SWAPPERS = 6;
const CREATORS = 4;
/** Revisions between two compactions, and what they leave. */
const COMPACTION_EVERY = 25;
const COMPACTION_KEEPS = 10;

const say = (...line) => writeSync(1, `${JSON.stringify(line)}\n`);
const die = () => process.kill(process.pid, 'SIGKILL');
let hits = 0;
const reached = (name) => name === point && ++hits >= Number(nth) && die();

const { batch, open } = Object.getPrototypeOf(Level.prototype);
Level.prototype.batch = function () {
  const chained = batch.call(this);
  const { put, write } = chained;
  // A compaction writes deletions and how far it is, after it is on record.
  let name = 'compaction';
  chained.put = (key, value) => {
    if (key === 'mcompacted') name = 'record';
    else if (key !== 'mpurged') name = 'batch';
    return put.call(chained, key, value);
  };
  chained.write = async (options) => {
    reached(`before ${name}`);
    const written = write.call(chained, options);
    // LevelDB writes on a thread of its own: this comes somewhere within.
    if (point === `in ${name}`) setImmediate(() => reached(`in ${name}`));
    await written;
    reached(`after ${name}`);
  };
  return chained;
};
Level.prototype.open = async function (...args) {
  reached('before opening');
  const opened = open.apply(this, args);
  if (point === 'in opening') systemClock.after(Number(nth) / 2, die);
  await opened;
  reached('after opening');
};

const backend = await openLevelBackend({ dir, clock: systemClock, log: silentLogger });
say('open');
backend.watch(
  { key: '', rangeEnd: '\0', startRevision: Number(next) },
  {
    onBatch: ({ events }) => {
      for (const { kv } of events) say('event', kv.modRevision, kv.key, kv.value.toString());
    },
    onEnd: (error) => say('end', error.message),
  },
);

let calls = 0;
let compacted = 0;

async function swap(client, register) {
  for (let i = 0; ; i++) {
    const read = ++calls;
    say('call', read, register, { kind: 'read' });
    const { kvs } = await backend.range({ key: register });
    const expect = kvs[0]?.value.toString();
    say('answer', read, register, { value: expect });
    const id = ++calls;
    const value = `${round}/${client}/${i}`;
    say('call', id, register, { kind: 'swap', expect, next: value });
    const compare = [{ key: register, target: 'mod', result: '=', value: kvs[0]?.modRevision ?? 0 }];
    const { succeeded, revision } = await backend.txn({ compare, success: [put(register, value)], failure: [] });
    say('answer', id, register, { ok: succeeded });
    if (succeeded) written(revision, register, value);
  }
}

async function create(client) {
  for (let i = 0; ; i++) {
    const key = `k/${round}/${client}/${i}`;
    const { revision } = await backend.txn({ compare: [], success: [put(key, key)], failure: [] });
    written(revision, key, key);
    if (revision < compacted + COMPACTION_EVERY + COMPACTION_KEEPS) continue;
    compacted = revision - COMPACTION_KEEPS;
    // Another client, or the process before this one, may have compacted as far.
    await backend.compact(compacted).catch((error) => error.name === 'CompactedError' || Promise.reject(error));
  }
}

/** Saves one snapshot after the other in place of the last. */
async function save() {
  for (;;) {
    reached('before snapshot');
    const { revision } = await saveSnapshot(pieces(), snapshotFile);
    say('saved', revision);
    reached('after snapshot');
  }
}

async function* pieces() {
  for await (const piece of snapshotOf(backend.database, systemClock.now())) {
    reached('in snapshot');
    yield piece;
  }
  // Within its sync, its check, or the rename.
  if (point === 'ending snapshot') systemClock.after(Number(nth) / 2, die);
}

const put = (key, value) => ({ type: 'put', key, value: Buffer.from(value) });

function written(revision, key, value) {
  say('ack', revision, key, value);
  reached('after answer');
}

await Promise.all([
  ...Array.from({ length: SWAPPERS }, (_, client) => swap(client, REGISTERS[client % REGISTERS.length])),
  ...Array.from({ length: CREATORS }, (_, client) => create(client)),
  ...(point.endsWith('snapshot') ? [save()] : []),
]);
