// SPDY/3.1 as the kubelet serves it: against a client made of the same frames, over a connection cut into pieces anywhere.
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { DICTIONARY } from '../../../../agent/server/spdy/dictionary.js';
import { controlFrame, dataHeader, FLAG_FIN, FRAME, type Frame, RST, readFrames } from '../../../../agent/server/spdy/frames.js';
import { HeaderCodec } from '../../../../agent/server/spdy/headers.js';
import { SpdySession } from '../../../../agent/server/spdy/session.js';
import type { SpdyStream } from '../../../../agent/server/spdy/stream.js';
import { systemClock } from '../../../../src/apimachinery/clock.js';

/** Two ends of a connection without a network. */
function pair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const make = (other: number) =>
    new Duplex({
      read() {},
      write(chunk, _encoding, done) {
        ends[other]!.push(chunk);
        done();
      },
      final(done) {
        ends[other]!.push(null);
        done();
      },
      destroy(error, done) {
        if (!ends[other]!.destroyed) ends[other]!.destroy();
        done(error);
      },
    });
  ends.push(make(1), make(0));
  return [ends[0]!, ends[1]!];
}

class Client {
  readonly codec = new HeaderCodec();
  readonly frames: Frame[] = [];
  readonly ended: Promise<void>;
  #next = 1;
  #wake = () => {};

  constructor(readonly socket: Duplex) {
    socket.on('error', () => undefined);
    this.ended = (async () => {
      try {
        for await (const frame of readFrames(socket)) {
          this.frames.push(frame);
          this.#wake();
        }
      } catch {
        // The server has cut the connection.
      }
      this.#wake();
    })();
  }

  async open(headers: Record<string, string>, flags = 0): Promise<number> {
    const id = this.#next;
    this.#next += 2;
    const block = await this.codec.encode(new Map(Object.entries(headers)));
    this.socket.write(controlFrame(FRAME.synStream, flags, id, 0, Buffer.from([0, 0]), block));
    return id;
  }

  send(id: number, text: string, fin = false): void {
    this.socket.write(Buffer.concat([dataHeader(id, text.length, fin), Buffer.from(text)]));
  }

  /** Waits for a frame that is as wanted. */
  async frame(wanted: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const found = this.frames.find(wanted);
      if (found) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  control(kind: number): Promise<Frame & { type: 'control' }> {
    return this.frame((frame) => frame.type === 'control' && frame.kind === kind) as Promise<Frame & { type: 'control' }>;
  }

  text(id: number): string {
    const parts = this.frames.flatMap((frame) => (frame.type === 'data' && frame.stream === id ? [frame.payload] : []));
    return Buffer.concat(parts).toString();
  }
}

const sockets: Duplex[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

function connect(accept: (stream: SpdyStream) => boolean): { client: Client; session: SpdySession } {
  const [ours, theirs] = pair();
  sockets.push(ours, theirs);
  const session = new SpdySession({ socket: ours, head: Buffer.alloc(0), clock: systemClock, accept });
  return { client: new Client(theirs), session };
}

const echo = (stream: SpdyStream) => {
  stream.pipe(stream);
  return true;
};
const streamOf = (frame: Frame) => (frame.type === 'control' ? frame.body.readUInt32BE(0) : frame.stream);

describe('the frames', () => {
  it('use the dictionary of the protocol', () => {
    expect(DICTIONARY.length).toBe(1423);
  });

  it('are the same wherever the bytes are cut', async () => {
    const bytes = Buffer.concat([
      controlFrame(FRAME.ping, 0, 7),
      dataHeader(1, 5, false),
      Buffer.from('hello'),
      dataHeader(1, 0, true),
      controlFrame(FRAME.goAway, 0, 1, 0),
    ]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: bytes.length }), { maxLength: 12 }), async (cuts) => {
        const at = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
        const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
        const frames: Frame[] = [];
        for await (const frame of readFrames(pieces as unknown as AsyncIterable<Buffer>)) frames.push(frame);
        const data = frames.filter((frame) => frame.type === 'data');
        expect(Buffer.concat(data.map(({ payload }) => payload)).toString()).toBe('hello');
        expect(data.map(({ fin }) => fin)).toEqual([...data.slice(1).map(() => false), true]);
        expect(frames.filter((frame) => frame.type === 'control').map(({ kind }) => kind)).toEqual([FRAME.ping, FRAME.goAway]);
      }),
    );
  });
});

describe('a session', () => {
  it('replies to a stream, carries both directions, and each ends for itself', async () => {
    let headers: ReadonlyMap<string, string> | undefined;
    const { client } = connect((stream) => {
      headers = stream.headers;
      return echo(stream);
    });
    const id = await client.open({ streamtype: 'stdin', port: '80' });
    const reply = await client.control(FRAME.synReply);
    expect(streamOf(reply)).toBe(id);
    expect(await client.codec.decode(reply.body.subarray(4))).toEqual(new Map());
    expect(headers).toEqual(new Map([['streamtype', 'stdin'], ['port', '80']])); // biome-ignore format: a table
    client.send(id, 'one ');
    client.send(id, 'two', true);
    await client.frame((frame) => frame.type === 'data' && frame.fin);
    expect(client.text(id)).toBe('one two');
  });

  it('carries headers of many streams through one compression', async () => {
    const names: (string | undefined)[] = [];
    const { client } = connect((stream) => {
      names.push(stream.headers.get('requestid'));
      return true;
    });
    for (let i = 0; i < 50; i++) await client.open({ streamtype: 'data', requestid: String(i) });
    await client.frame((frame) => frame.type === 'control' && frame.kind === FRAME.synReply && streamOf(frame) === 99);
    expect(names).toEqual(Array.from({ length: 50 }, (_, i) => String(i)));
  });

  it('answers pings, and gives credit for what it has read', async () => {
    const { client } = connect(echo);
    const id = await client.open({ streamtype: 'data' });
    client.socket.write(controlFrame(FRAME.ping, 0, 5));
    expect(streamOf(await client.control(FRAME.ping))).toBe(5);
    for (let i = 0; i < 4; i++) client.send(id, 'x'.repeat(16 * 1024));
    for (const target of [0, id]) {
      const update = await client.frame(
        (frame) => frame.type === 'control' && frame.kind === FRAME.windowUpdate && streamOf(frame) === target,
      );
      expect((update as Frame & { type: 'control' }).body.readUInt32BE(4)).toBeGreaterThanOrEqual(32 * 1024);
    }
  });

  it('keeps to the window of a client that announces one', async () => {
    let stream!: SpdyStream;
    const { client } = connect((opened) => {
      stream = opened;
      return true;
    });
    client.socket.write(controlFrame(FRAME.settings, 0, 1, 7, 1000));
    const id = await client.open({ streamtype: 'stdout' });
    await client.control(FRAME.synReply);
    stream.write('y'.repeat(1500));
    await client.frame((frame) => frame.type === 'data');
    client.socket.write(controlFrame(FRAME.ping, 0, 1));
    await client.control(FRAME.ping);
    expect(client.text(id).length).toBe(1000);
    client.socket.write(controlFrame(FRAME.windowUpdate, 0, id, 5000));
    await client.frame(() => client.text(id).length === 1500);
  });

  it('resets what it does not accept, and knows a reset', async () => {
    let closed: Promise<void> | undefined;
    const { client } = connect((stream) => {
      if (stream.headers.get('streamtype') === 'odd') return false;
      closed = new Promise((resolve) => stream.once('close', resolve));
      return true;
    });
    const refused = await client.open({ streamtype: 'odd' });
    const reset = await client.control(FRAME.rstStream);
    expect([streamOf(reset), reset.body.readUInt32BE(4)]).toEqual([refused, RST.refusedStream]);
    const id = await client.open({ streamtype: 'data' });
    await client.frame((frame) => frame.type === 'control' && frame.kind === FRAME.synReply && streamOf(frame) === id);
    client.socket.write(controlFrame(FRAME.rstStream, 0, id, RST.cancel));
    await closed;
  });

  it('has a bound of streams', async () => {
    const { client } = connect(() => true);
    for (let i = 0; i < 1001; i++) await client.open({ streamtype: 'data' });
    const reset = await client.control(FRAME.rstStream);
    expect([streamOf(reset), reset.body.readUInt32BE(4)]).toEqual([2001, RST.refusedStream]);
  });

  it('does not take more than a stream’s reader takes, and goes on when it does', async () => {
    let stream!: SpdyStream;
    const { client } = connect((opened) => {
      stream = opened;
      return true;
    });
    const id = await client.open({ streamtype: 'stdin' });
    const chunk = 'z'.repeat(256 * 1024);
    for (let i = 0; i < 16; i++) client.send(id, chunk);
    client.socket.write(controlFrame(FRAME.ping, 0, 9));
    await client.control(FRAME.windowUpdate);
    expect(stream.readableLength).toBeLessThan(3 * chunk.length + (1 << 20));
    expect(client.frames.some((frame) => frame.type === 'control' && frame.kind === FRAME.ping && streamOf(frame) === 9)).toBe(false);
    stream.resume();
    await client.frame((frame) => frame.type === 'control' && frame.kind === FRAME.ping && streamOf(frame) === 9);
  });

  it('ends in good order: all that was written, then GOAWAY, then the connection', async () => {
    let stream!: SpdyStream;
    const { client, session } = connect((opened) => {
      stream = opened;
      return true;
    });
    const id = await client.open({ streamtype: 'error' });
    await client.control(FRAME.synReply);
    stream.end('bye');
    await new Promise((resolve) => stream.once('finish', resolve));
    session.close();
    await client.ended;
    expect(client.text(id)).toBe('bye');
    expect(client.frames.at(-1)).toMatchObject({ kind: FRAME.goAway });
    client.socket.destroy();
    await session.closed;
  });

  it.each([
    ['what is no SPDY', () => Buffer.from('\x80\x02\0\x06\0\0\0\x04abcd', 'latin1')],
    ['a control frame of 16 MiB', () => Buffer.from([0x80, 3, 0, 4, 0, 0xff, 0xff, 0xff])],
    ['headers that do not unpack', () => controlFrame(FRAME.synStream, 0, 1, 0, Buffer.from([0, 0]), Buffer.from('no zlib'))],
    ['a stream with an even number', () => controlFrame(FRAME.synStream, FLAG_FIN, 2, 0, Buffer.from([0, 0]))],
  ])('ends the connection at %s', async (_what, bytes) => {
    const { client, session } = connect(echo);
    client.socket.write(bytes());
    await session.closed;
  });

  it('ends the connection of a client whose headers are a bomb', async () => {
    const { client, session } = connect(echo);
    await client.open({ streamtype: 'x'.repeat(200_000) });
    await session.closed;
  });
});
