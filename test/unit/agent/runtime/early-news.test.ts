// What containerd tells of containers, over its own protocol, and what becomes of the engine's view of one by it.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ContainerdEvent, containerdEvents } from '../../../../agent/runtime/containerd-events.js';
import { EarlyNews } from '../../../../agent/runtime/early-news.js';
import type { RuntimeContainer } from '../../../../agent/runtime/runtime.js';

const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value % 128) | 0x80, ...varint(Math.floor(value / 128))]);
const bytes = (field: number, value: string | Buffer) =>
  Buffer.concat([Buffer.from([...varint((field << 3) | 2), ...varint(Buffer.byteLength(value))]), Buffer.from(value)]);
const number = (field: number, value: number) => Buffer.from([...varint(field << 3), ...varint(value)]);
const frame = (message: Buffer) => Buffer.concat([Buffer.of(0, 0, 0, message.length >> 8, message.length & 0xff), message]);

const envelope = (topic: string, type: string, event: readonly Buffer[]) =>
  frame(
    Buffer.concat([
      bytes(1, number(1, 1_790_000_000)),
      bytes(2, 'moby'),
      bytes(3, topic),
      bytes(4, Buffer.concat([bytes(1, `containerd.events.${type}`), bytes(2, Buffer.concat(event))])),
    ]),
  );
const exit = (containerId: string, process: string, code: number, [seconds, nanos]: readonly [number, number]) =>
  envelope('/tasks/exit', 'TaskExit', [
    bytes(1, containerId),
    bytes(2, process),
    number(3, 4711),
    ...(code === 0 ? [] : [number(4, code)]),
    bytes(5, Buffer.concat([number(1, seconds), number(2, nanos)])),
  ]);
const create = (containerId: string, pid: number) =>
  envelope('/tasks/create', 'TaskCreate', [bytes(1, containerId), bytes(2, '/bundle'), bytes(4, bytes(1, '/stdin')), number(6, pid)]);
const oom = (containerId: string) => envelope('/tasks/oom', 'TaskOOM', [bytes(1, containerId)]);

let directory: string;
let server: Http2Server;
let socket: string;
/** What the one who subscribes has sent, and its stream. */
let subscribed: Promise<{ readonly path: string; readonly body: Buffer; readonly stream: ServerHttp2Stream }>;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'porthole-early-news-'));
  socket = join(directory, 'containerd.sock');
  server = createServer();
  subscribed = new Promise((resolve) => {
    server.on('stream', (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on('error', () => undefined);
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
        resolve({ path: String(headers[':path']), body: Buffer.concat(chunks), stream });
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
});

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of source) found.push(each);
  return found;
}

/** What is told of these bytes, sent in pieces of such lengths. */
async function told(sent: Buffer, cuts: readonly number[] = [sent.length]): Promise<ContainerdEvent[]> {
  const events = all(containerdEvents(socket, new AbortController().signal));
  const { stream } = await subscribed;
  for (let at = 0, cut = 0; at < sent.length; cut++) {
    const end = at + cuts[cut % cuts.length]!;
    await new Promise((resolve) => stream.write(sent.subarray(at, end), resolve));
    at = end;
  }
  stream.end();
  return events;
}

describe("containerd's events", () => {
  it("are asked for by the engine's namespace, beginnings, ends and OOM only", async () => {
    await told(Buffer.alloc(0));
    const { path, body } = await subscribed;
    expect(path).toBe('/containerd.services.events.v1.Events/Subscribe');
    const filters = ['create', 'exit', 'oom'].map((about) => `namespace==moby,topic=="/tasks/${about}"`);
    expect(body).toEqual(frame(Buffer.concat(filters.map((filter) => bytes(1, filter)))));
  });

  it("are those of containers, and not of commands in them, with the kernel's time", async () => {
    const sent = [
      exit('a', 'a', 137, [1_790_000_001, 250_000_000]),
      exit('a', 'command', 1, [1, 0]),
      oom('b'),
      exit('b', 'b', 0, [1, 0]),
      create('c', 70_000),
      frame(Buffer.of(0x1d, 0, 0, 0, 0)),
    ];
    expect(await told(Buffer.concat(sent))).toEqual([
      { type: 'exit', containerId: 'a', exitCode: 137, exitedAt_ms: 1_790_000_001_250 },
      { type: 'oom', containerId: 'b' },
      { type: 'exit', containerId: 'b', exitCode: 0, exitedAt_ms: 1_000 },
      { type: 'create', containerId: 'c', pid: 70_000 },
    ]);
  });

  it('come out the same however they are cut up', async () => {
    const [cuts] = fc.sample(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 5, maxLength: 20 }), 1);
    const ids = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(32));
    const events = await told(Buffer.concat(ids.map((id) => exit(id, id, 1, [1, 0]))), cuts);
    expect(events.map(({ containerId }) => containerId)).toEqual(ids);
  });

  it.each<[string, Buffer, RegExp]>([
    ['is cut off', frame(Buffer.of(0x1a)), /unexpected end/],
    ['has a number without end', frame(Buffer.alloc(12, 0xff)), /a number is too long/],
    ['has no end', Buffer.of(0, 0xff, 0, 0, 0), /too long/],
  ])('end where one %s', async (_, sent, message) => {
    await expect(told(sent)).rejects.toThrow(message);
  });

  it('end with an error where nobody listens, and where whoever listens wants no more', async () => {
    const never = new AbortController();
    await expect(all(containerdEvents(`${socket}.none`, never.signal))).rejects.toThrow(/ENOENT/);
    const events = all(containerdEvents(socket, never.signal));
    await subscribed;
    never.abort();
    await expect(events).rejects.toThrow(/abort/i);
  });
});

const STARTED_MS = 1_000_000;
const running = (id: string): RuntimeContainer => ({
  id,
  name: 'main',
  sandboxId: 'box',
  attempt: 0,
  hash: '',
  state: 'running',
  image: 'image',
  createdAt_ms: STARTED_MS,
  startedAt_ms: STARTED_MS,
  finishedAt_ms: 0,
  exitCode: 0,
  oomKilled: false,
  tty: false,
  stdin: false,
  stdinOnce: false,
  terminationMessageFile: '',
  terminationMessagePolicy: 'File',
  resources: { cpuShares: 2, cpuPeriod_us: 100_000 },
});

/** Having heard of these. */
async function earlyNews(...sent: readonly Buffer[]): Promise<{ readonly news: EarlyNews; readonly ids: readonly string[] }> {
  const news = new EarlyNews();
  const ids = all(news.follow(socket, new AbortController().signal));
  const { stream } = await subscribed;
  stream.end(Buffer.concat(sent));
  return { news, ids: await ids };
}

describe('an end that the engine does not know of', () => {
  it('is applied to what it says, until it says so itself', async () => {
    const { news, ids } = await earlyNews(exit('a', 'a', 3, [2_000, 0]));
    expect(ids).toEqual(['a']);
    const ended = { ...running('a'), state: 'exited', exitCode: 3, finishedAt_ms: 2_000_000 };
    expect(news.applyTo(running('a'))).toEqual(ended);
    expect(news.applyTo(running('b'))).toEqual(running('b'));
    expect(news.hasEnded('a')).toBe(true);
    const settled: RuntimeContainer = { ...running('a'), state: 'exited', exitCode: 3, finishedAt_ms: 2_000_000, oomKilled: true };
    expect(news.applyTo(settled)).toBe(settled);
    expect(news.hasEnded('a')).toBe(false);
  });

  it('is one for want of memory where that was told before', async () => {
    const { news } = await earlyNews(oom('a'), oom('b'), exit('a', 'a', 137, [2_000, 0]));
    expect(news.applyTo(running('a'))).toMatchObject({ state: 'exited', exitCode: 137, oomKilled: true });
    // Something in it was killed, and it runs on.
    expect(news.applyTo(running('b'))).toEqual(running('b'));
    expect(news.hasEnded('b')).toBe(false);
  });

  it('is none of a container that was started again since', async () => {
    const { news } = await earlyNews(exit('a', 'a', 0, [STARTED_MS / 1000 - 1, 0]));
    expect(news.applyTo(running('a'))).toEqual(running('a'));
    expect(news.hasEnded('a')).toBe(false);
  });

  it('is forgotten where there are too many', async () => {
    const ids = Array.from({ length: 1_001 }, (_, index) => `c${index}`);
    const { news } = await earlyNews(...ids.map((id) => exit(id, id, 0, [2_000, 0])));
    expect(ids.filter((id) => !news.hasEnded(id))).toEqual(['c0']);
  });
});

it('tells the process of a container that is being started to whoever waits for it', async () => {
  const news = new EarlyNews();
  const told = news.processOf('a', new Promise(() => undefined));
  const ids = all(news.follow(socket, new AbortController().signal));
  const { stream } = await subscribed;
  stream.end(Buffer.concat([create('b', 1), create('a', 4711)]));
  expect(await told).toBe(4711);
  expect(await ids).toEqual([]);
});
