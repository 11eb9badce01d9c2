// Watch streams as a gRPC client sees them: filters, fragments, ids, progress, clients that read slowly, and the store's end.
import { Client, type ClientDuplexStream, credentials, type MethodDefinition } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';
import type { EmbeddedBackend } from '../../../../src/etcd/embedded.js';
import { loadEtcdProto } from '../../../../src/etcd/grpc/proto.js';
import { type EtcdServer, serveEtcd } from '../../../../src/etcd/grpc/server.js';
import { createMemoryBackend } from '../../../../src/etcd/memory.js';

interface Response {
  readonly header: { readonly revision: string };
  readonly watch_id: string;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly cancel_reason: string;
  readonly compact_revision: string;
  readonly fragment: boolean;
  readonly events: readonly { readonly type: string; readonly kv: { readonly key: Buffer; readonly mod_revision: string } }[];
}

/** Fires what waits for long only when told to. */
function manualClock(): Clock & { fire(): void } {
  let waiting: (() => void)[] = [];
  return {
    ...systemClock,
    after(delay_ms, fn) {
      if (delay_ms < 60_000) return systemClock.after(delay_ms, fn);
      waiting.push(fn);
      return { cancel: () => (waiting = waiting.filter((other) => other !== fn)) };
    },
    fire() {
      const due = waiting;
      waiting = [];
      for (const fn of due) fn();
    },
  };
}

describe('the Watch service', () => {
  const clock = manualClock();
  let backend: EmbeddedBackend;
  let server: EtcdServer;
  let client: Client;
  let stream: ClientDuplexStream<object, Response>;
  let responses: Response[];
  let failure: Promise<Error>;
  let wake = () => {};

  beforeEach(async () => {
    backend = await createMemoryBackend({ clock });
    server = await serveEtcd({ backend, name: 'one', listen: [{ secure: false, host: '127.0.0.1', port: 0 }], clock, log: silentLogger });
    client = new Client(new URL(server.urls[0]!).host, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
    const { path, requestSerialize, responseDeserialize } = loadEtcdProto().Watch['Watch'] as MethodDefinition<object, Response>;
    stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    responses = [];
    failure = new Promise((resolve) => stream.on('error', resolve));
    stream.on('data', (response: Response) => {
      responses.push(response);
      wake();
    });
  });
  afterEach(async () => {
    stream.cancel();
    client.close();
    await server.close();
    await backend.close();
  });

  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise<void>((resolve) => (wake = resolve));
  };
  const key = (text: string) => Buffer.from(text);
  const create = async (request: object) => {
    const before = responses.length;
    stream.write({ create_request: { range_end: Buffer.from('\0'), ...request } });
    await until(() => responses.length > before);
    return responses[before]!;
  };
  const put = (name: string, value: string | Buffer = 'x') =>
    backend.txn({ compare: [], success: [{ type: 'put', key: name, value: Buffer.from(value) }], failure: [] });
  const events = (id = '0') => responses.filter((r) => r.watch_id === id).flatMap((r) => r.events);
  const shown = (id?: string) => events(id).map((e) => `${e.type} ${e.kv.key}@${e.kv.mod_revision}`);

  it('leaves out what the filters name', async () => {
    await create({ key: key('a'), filters: ['Noput'] });
    await create({ key: key('a'), filters: ['Nodelete'] });
    await put('a');
    await backend.txn({ compare: [], success: [{ type: 'delete', key: 'a' }], failure: [] });
    await put('b');
    await until(() => events('1').length === 2 && events('0').length === 1);
    expect([shown('0'), shown('1')]).toEqual([['Delete a@3'], ['Put a@2', 'Put b@4']]);
  });

  it('takes an id that is given, and refuses one that is taken', async () => {
    expect(await create({ key: key('a'), watch_id: '7' })).toMatchObject({ watch_id: '7', created: true, canceled: false });
    expect(await create({ key: key('a') })).toMatchObject({ watch_id: '0', created: true });
    expect(await create({ key: key('a'), watch_id: '7' })).toMatchObject({
      watch_id: '-1',
      canceled: true,
      cancel_reason: expect.stringContaining('duplicate'),
    });
  });

  it('says nothing more after cancel, and that it was cancelled', async () => {
    await create({ key: key('a') });
    stream.write({ cancel_request: { watch_id: '0' } });
    await until(() => responses.length === 2);
    await put('a');
    await create({ key: key('b') });
    expect(responses.map((r) => [r.created, r.canceled, r.events.length])).toEqual([
      [true, false, 0],
      [false, true, 0],
      [true, false, 0],
    ]);
  });

  it('ends a watch at a compacted revision with that revision, and the stream goes on', async () => {
    for (let i = 0; i < 4; i++) await put('a', String(i));
    await backend.compact(4);
    await create({ key: key('a'), start_revision: '2' });
    await until(() => responses.length === 2);
    expect(responses[1]).toMatchObject({ canceled: true, compact_revision: '4' });
    await create({ key: key('a'), start_revision: '4' });
    await until(() => events('1').length === 2);
  });

  it('answers a request for progress once every watch of the stream has told all before', async () => {
    for (let i = 0; i < 5; i++) await put('a', String(i));
    await create({ key: key('a'), start_revision: '2' });
    await create({ key: key('zzz') });
    stream.write({ progress_request: {} });
    await until(() => responses.some((r) => r.watch_id === '-1'));
    expect(responses.at(-1)).toMatchObject({ watch_id: '-1', header: { revision: '6' }, events: [] });
    expect(events('0')).toHaveLength(5);
  });

  it('tells idle watches that ask for it how far the store is', async () => {
    await create({ key: key('z'), progress_notify: true });
    await create({ key: key('z') });
    await put('a');
    clock.fire();
    clock.fire();
    await until(() => responses.length === 3);
    expect(responses[2]).toMatchObject({ watch_id: '0', header: { revision: '2' }, events: [] });
  });

  it('splits a revision that is too large for those that take fragments, and for no others', async () => {
    const value = Buffer.alloc(700_000);
    await backend.txn({
      compare: [],
      success: [
        { type: 'put', key: 'a', value },
        { type: 'put', key: 'b', value },
      ],
      failure: [],
    });
    const [before, more] = [Buffer.alloc(700_000, 1), { prev_kv: true, start_revision: '3' }];
    await backend.txn({
      compare: [],
      success: [
        { type: 'put', key: 'a', value: before },
        { type: 'put', key: 'b', value: before },
      ],
      failure: [],
    });
    await create({ key: key('a'), fragment: true, ...more });
    await create({ key: key('a'), ...more });
    await until(() => events('0').length === 2 && events('1').length === 2);
    const parts = (id: string) =>
      responses.filter((r) => r.watch_id === id && r.events.length > 0).map((r) => [r.events.length, r.fragment]);
    expect([parts('0'), parts('1')]).toEqual([
      [
        [1, true],
        [1, false],
      ],
      [[2, false]],
    ]);
  });

  it('neither loses nor repeats an event for a client that stops reading for a while', async () => {
    await create({ key: key('a') });
    stream.pause();
    for (let i = 0; i < 60; i++) await put('a', Buffer.alloc(500_000, i));
    stream.resume();
    await until(() => events().length >= 60);
    expect(events().map((e) => Number(e.kv.mod_revision))).toEqual(Array.from({ length: 60 }, (_, i) => i + 2));
  });

  it('ends the stream as unavailable when the store is closed, and when the server is', async () => {
    await create({ key: key('a') });
    await backend.close();
    expect(await failure).toMatchObject({ code: 14, details: 'etcdserver: server stopped' });
  });
});
