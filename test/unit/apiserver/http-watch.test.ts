// A watch on its way to a client that may be slow.
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import { StatusError } from '../../../src/apimachinery/status.js';
import { EventEncoder } from '../../../src/apiserver/http/encode-events.js';
import { type ByteSink, HttpWatch } from '../../../src/apiserver/http/http-watch.js';
import { JSON_FORM } from '../../../src/apiserver/http/negotiate.js';
import type { Resource } from '../../../src/apiserver/resources.js';
import { EventView } from '../../../src/apiserver/storage/cache-event.js';
import { ObjectCodec } from '../../../src/apiserver/storage/stored.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { ManualClock } from '../client/fakes.js';

class Client implements ByteSink {
  text = '';
  slow = false;
  ended = false;
  destroyed = false;
  #onDrain: (() => void) | undefined;
  write(chunk: Uint8Array): boolean {
    this.text += Buffer.from(chunk).toString();
    return !this.slow;
  }
  once(_event: 'drain', listener: () => void): void {
    this.#onDrain = listener;
  }
  drain(): void {
    const listener = this.#onDrain;
    this.#onDrain = undefined;
    listener?.();
  }
  end(): void {
    this.ended = true;
  }
  destroy(): void {
    this.destroyed = true;
  }
  get events(): { type: string; object: KubeObject & { rows?: unknown[]; columnDefinitions?: unknown[] } }[] {
    return this.text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }
}

const codec = new ObjectCodec(configMaps);
const view = (name: string, revision: number, value = '') => {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } } as unknown as KubeObject;
  return new EventView('ADDED', codec.decode(codec.encode(object), revision));
};
const watchOf = (client: Client, form: ConstructorParameters<typeof EventEncoder>[1] = JSON_FORM, clock = new ManualClock()) =>
  new HttpWatch(client, new EventEncoder({ kind: configMaps } as unknown as Resource, form, () => 0), clock);

describe('a watch over HTTP', () => {
  it('sends the state it starts from, then bookmark, events and end, in order', () => {
    const client = new Client();
    const watch = watchOf(client);
    watch.start([view('a', 1), view('b', 2)]);
    watch.bookmark(2, true);
    watch.event(view('c', 3));
    watch.end(new StatusError(410, 'Expired', 'too old'));
    expect(client.events.map(({ type, object }) => [type, object.metadata.name])).toEqual([
      ['ADDED', 'a'],
      ['ADDED', 'b'],
      ['BOOKMARK', undefined],
      ['ADDED', 'c'],
      ['ERROR', undefined],
    ]);
    expect(client.events[2]!.object.metadata).toMatchObject({ resourceVersion: '2', annotations: { 'k8s.io/initial-events-end': 'true' } });
    expect(client.ended).toBe(true);
  });

  it('waits for a slow client and loses nothing', () => {
    const client = new Client();
    client.slow = true;
    const watch = watchOf(client);
    watch.start([]);
    for (let i = 1; i <= 100; i++) watch.event(view(`x${i}`, i));
    expect(client.events).toHaveLength(1);
    client.slow = false;
    client.drain();
    expect(client.events.map(({ object }) => object.metadata.name)).toEqual(Array.from({ length: 100 }, (_, i) => `x${i + 1}`));
  });

  it('cuts off a client that falls too far behind, and tells it why if it reads on', () => {
    const client = new Client();
    client.slow = true;
    const watch = watchOf(client);
    watch.start([]);
    const event = view('x', 1);
    for (let i = 0; i < 10_002; i++) watch.event(event);
    client.slow = false;
    client.drain();
    expect(client.events).toMatchObject([{ type: 'ADDED' }, { type: 'ERROR', object: { code: 410, reason: 'Expired' } }]);
    expect(client.ended).toBe(true);
  });

  it('cuts off a client for which too much would be kept, however few events that is', () => {
    const client = new Client();
    client.slow = true;
    const watch = watchOf(client);
    watch.start([]);
    const event = view('x', 1, 'v'.repeat(1 << 20));
    for (let i = 0; i < 16; i++) watch.event(event);
    expect(client.ended).toBe(false);
    watch.event(event);
    watch.event(event);
    client.slow = false;
    client.drain();
    expect(client.events).toMatchObject([{ type: 'ADDED' }, { type: 'ERROR', object: { code: 410, reason: 'Expired' } }]);
  });

  it('does not keep a client for ever that was cut off and does not read', async () => {
    const client = new Client();
    client.slow = true;
    const clock = new ManualClock();
    const watch = watchOf(client, JSON_FORM, clock);
    watch.start([]);
    const event = view('x', 1);
    for (let i = 0; i < 10_002; i++) watch.event(event);
    await clock.advance(30_000);
    expect(client.destroyed).toBe(true);
  });

  it('names the columns of a table in its first event only', () => {
    const client = new Client();
    const watch = watchOf(client, { ...JSON_FORM, as: 'table', includeObject: 'None' });
    watch.start([view('a', 1)]);
    watch.event(view('b', 2));
    const [first, second] = client.events;
    expect(first!.object.columnDefinitions!.length).toBeGreaterThan(0);
    expect(second!.object.columnDefinitions).toEqual([]);
    expect(second!.object.rows).toHaveLength(1);
  });
});
