// A client that stops reading its watch, over real sockets: it is cut off, told why if it reads on, and nobody waits for it.
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { request } from 'node:https';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../src/apimachinery/clock.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { until } from '../../suites/until.js';

/** More than is kept for a client, and than sockets and flow control hold besides. */
const [EVENTS, EVENT_BYTES] = [45, 500_000];
/** Of flow control: large, so that who reads gets an event in a few turns. */
const WINDOW_BYTES = 1 << 20;
const NEWLINE = 10;
const PATH = '/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=';

/** Whoever was cut off has no time to read that it was. */
const impatient: Clock = {
  ...systemClock,
  after: (delay_ms, fn) => systemClock.after(delay_ms === 30_000 ? 50 : delay_ms, fn),
};

interface Seen {
  readonly type: string;
  readonly object: { readonly code?: number; readonly reason?: string; readonly data?: { readonly n: string } };
}

let api: TestServer;
let session: ClientHttp2Session;

async function start(clock: Clock): Promise<void> {
  api = await startTestServer({ clock });
  session = connect(api.url, { ca: api.pki.ca.cert, ...api.pki.admin, settings: { initialWindowSize: WINDOW_BYTES } });
  session.once('connect', () => session.setLocalWindowSize(4 * WINDOW_BYTES));
  await api.client.create(configMaps, { metadata: { namespace: 'default', name: 'busy' }, data: { n: '0' } });
}

afterEach(async () => {
  session.destroy();
  await api.stop();
});

async function watch(): Promise<ClientHttp2Stream> {
  const { resourceVersion } = await api.client.list(configMaps);
  const stream = session.request({ ':path': PATH + resourceVersion });
  stream.on('error', () => {});
  await new Promise((resolve) => stream.once('response', resolve));
  return stream;
}

/** What a stream brings from now on. */
class Reader {
  readonly #pieces: Buffer[] = [];
  /** Of whole events. */
  count = 0;
  readonly closed: Promise<void>;

  constructor(stream: ClientHttp2Stream) {
    stream.on('data', (piece: Buffer) => {
      this.#pieces.push(piece);
      for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, at + 1)) this.count++;
    });
    this.closed = new Promise((resolve) => stream.once('close', resolve));
  }

  get events(): Seen[] {
    const lines = Buffer.concat(this.#pieces).toString().split('\n').slice(0, this.count);
    return lines.map((line) => JSON.parse(line) as Seen);
  }
}

/** The store in memory never lets go of the process, which is the server's and its clients' at once: `pause` does, after each change. */
async function change(pause: (i: number) => Promise<void>): Promise<void> {
  for (let i = 1; i <= EVENTS; i++) {
    const value = String.fromCharCode(97 + (i % 26)).repeat(EVENT_BYTES);
    await api.client.update(configMaps, { metadata: { namespace: 'default', name: 'busy' }, data: { n: String(i), value } });
    await pause(i);
  }
}

const oneTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

const numbers = (seen: readonly Seen[]) => seen.filter(({ type }) => type === 'MODIFIED').map(({ object }) => Number(object.data!.n));
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

async function openWatches(): Promise<number> {
  const metrics = await new Promise<string>((resolve, reject) => {
    let text = '';
    const outgoing = request(`${api.url}/metrics`, { ca: api.pki.ca.cert, ...api.pki.admin, agent: false }, (response) => {
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.on('end', () => resolve(text));
    });
    outgoing.on('error', reject).end();
  });
  return Number(/^apiserver_registered_watchers\{[^}]*kind="ConfigMap"[^}]*\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
}

describe('a client that reads on late', () => {
  beforeEach(() => start(systemClock));

  it('gets what was on its way, in order, and then a 410; one on the same connection that reads has had everything by then', async () => {
    const [slow, quick] = [await watch(), await watch()];
    const seen = new Reader(quick);
    await change((i) => until(`the quick one has seen change ${i}`, () => seen.count === i));
    expect(numbers(seen.events)).toEqual(upTo(EVENTS));
    const late = new Reader(slow);
    await late.closed;
    expect(late.events.at(-1)).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired' } });
    expect(numbers(late.events)).toEqual(upTo(late.count - 1));
    expect(late.count).toBeLessThan(EVENTS);
    expect(slow.rstCode).toBe(0);
  });
});

describe('a client that reads no more', () => {
  beforeEach(() => start(impatient));

  it('of HTTP/2 has its stream reset, and its connection goes on', async () => {
    const slow = await watch();
    const closed = new Promise((resolve) => slow.once('close', resolve));
    await change(oneTurn);
    await until('the watch is gone', async () => (await openWatches()) === 0);
    slow.resume();
    await closed;
    const stream = session.request({ ':path': '/livez' });
    stream.resume();
    expect(await new Promise((resolve) => stream.once('response', (headers) => resolve(headers[':status'])))).toBe(200);
  });

  it('of HTTP/1.1 has its connection closed', async () => {
    const { resourceVersion } = await api.client.list(configMaps);
    const outgoing = request(`${api.url}${PATH}${resourceVersion}`, { ca: api.pki.ca.cert, ...api.pki.admin, agent: false }).end();
    const response = await new Promise<NodeJS.ReadableStream & { complete: boolean }>((resolve) => {
      outgoing.once('response', (incoming) => resolve(incoming.pause()));
    });
    outgoing.on('error', () => {});
    await until('the watch is there', async () => (await openWatches()) === 1);
    await change(oneTurn);
    await until('the watch is gone', async () => (await openWatches()) === 0);
    const closed = new Promise((resolve) => response.once('close', resolve));
    response.on('error', () => {});
    response.resume();
    await closed;
    expect(response.complete).toBe(false);
  });
});
