// The DNS server on the loopback address, asked over real sockets: sizes, TCP, forwarding with its failures, nonsense.
import { createSocket, type Socket } from 'node:dgram';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DecodedPacket, decode, encode, type Packet, streamDecode, streamEncode } from 'dns-packet';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeCompressed } from '../../../../agent/dns/compress.js';
import { encodeReply, parseQuery } from '../../../../agent/dns/message.js';
import { SERVFAIL } from '../../../../agent/dns/resolver.js';
import { type DnsOptions, type DnsServer, startDns } from '../../../../agent/dns/server.js';
import { systemClock, systemRandom } from '../../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';
import { namespaces } from '../../../../src/kinds/core/namespace.js';
import { services } from '../../../../src/kinds/core/service.js';
import { endpointSlices } from '../../../../src/kinds/discovery/endpointslice.js';
import { FakeInformers } from '../fake-informers.js';
import { namespace, service, slice } from '../objects.js';

const question = (name: string, type = 'A', more: Partial<Packet> = {}): Packet => ({
  type: 'query',
  id: 77,
  flags: 0x0100,
  questions: [{ name, type: type as 'A' }],
  ...more,
});
const edns = (size: number) => ({
  additionals: [
    {
      type: 'OPT' as const,
      name: '.' as const,
      udpPayloadSize: size,
      flags: 0,
      flag_do: false,
      extendedRcode: 0,
      ednsVersion: 0,
      options: [],
    },
  ],
});
const rcodeOf = (packet: DecodedPacket) => (packet as { rcode?: string }).rcode;
const addressesOf = (packet: DecodedPacket) => packet.answers!.flatMap((a) => (a.type === 'A' ? [a.data] : []));

function askBytes(port: number, message: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.on('message', (reply) => {
      socket.close();
      resolve(reply);
    });
    socket.send(message, port, '127.0.0.1');
  });
}
const askUdp = async (port: number, packet: Packet) => decode(await askBytes(port, encode(packet)));

function askTcp(port: number, packets: readonly Packet[]): Promise<DecodedPacket[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.concat(packets.map((packet) => streamEncode(packet)))));
    let bytes = Buffer.alloc(0);
    const replies: DecodedPacket[] = [];
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
        replies.push(streamDecode(bytes) as DecodedPacket);
        bytes = bytes.subarray(2 + bytes.readUInt16BE(0));
      }
      if (replies.length === packets.length) {
        socket.destroy();
        resolve(replies);
      }
    });
  });
}

/** A name server that answers by `handler` and counts what it is asked. */
async function upstream(
  handler: (query: DecodedPacket) => Packet | undefined,
): Promise<{ address: string; asked: string[]; socket: Socket }> {
  const asked: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (message, client) => {
    const query = decode(message);
    asked.push(query.questions![0]!.name);
    const reply = handler(query);
    if (reply) socket.send(encode(reply), client.port, client.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return { address: `127.0.0.1:${socket.address().port}`, asked, socket };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

const informers = new FakeInformers();
const start = (upstreams: readonly string[], from = informers, more: Partial<DnsOptions> = {}) =>
  startDns({
    informers: from,
    address: '127.0.0.1',
    port: 0,
    upstreams,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    ...more,
  });

describe('the DNS server', () => {
  let server: DnsServer;
  beforeAll(async () => {
    informers.set(namespaces, namespace('default'));
    informers.set(services, service('web', { clusterIP: '10.96.7.7', ports: [{ port: 80 }] }));
    informers.set(services, service('many', { clusterIP: 'None', ports: [{ port: 80 }] }));
    informers.set(
      endpointSlices,
      slice(
        'many',
        Array.from({ length: 200 }, (_, i) => ({ ip: `10.244.0.${i + 1}` })),
      ),
    );
    server = await start([]);
  });
  afterAll(() => server.stop());

  it('answers with authority, over UDP and over TCP, several questions on one connection', async () => {
    const reply = await askUdp(server.port, question('web.default.svc.cluster.local'));
    expect(reply).toMatchObject({ id: 77, type: 'response', flag_aa: true, flag_ra: true, flag_rd: true });
    expect(addressesOf(reply)).toEqual(['10.96.7.7']);
    const replies = await askTcp(server.port, [
      question('web.default.svc.cluster.local'),
      question('x.default.svc.cluster.local', 'A', { id: 78 }),
    ]);
    expect(replies.map((r) => [r.id, rcodeOf(r)])).toEqual([
      [77, 'NOERROR'],
      [78, 'NXDOMAIN'],
    ]);
  });

  it.each([
    ['without EDNS', {}, 512],
    ['with a small buffer', edns(700), 700],
    ['with a huge one', edns(9000), 1232],
  ])('cuts a reply that is too large for UDP and points to TCP: %s', async (_name, more, limit) => {
    const bytes = await askBytes(server.port, encode(question('many.default.svc.cluster.local', 'A', more)));
    expect(bytes.length).toBeLessThanOrEqual(limit);
    expect(bytes.length).toBeGreaterThan(limit - 60);
    expect(decode(bytes).flag_tc).toBe(true);
    const [whole] = await askTcp(server.port, [question('many.default.svc.cluster.local', 'A', more)]);
    expect(whole!.flag_tc).toBe(false);
    expect(addressesOf(whole!)).toHaveLength(200);
  });

  it('answers both families that one socket asks for at once, as musl does, with as many addresses as 512 bytes hold', async () => {
    const socket = createSocket('udp4');
    const ask = (name: string) => {
      const replies: DecodedPacket[] = [];
      return new Promise<readonly DecodedPacket[]>((resolve) => {
        socket.removeAllListeners('message').on('message', (message) => {
          if (replies.push(decode(message)) === 2) resolve(replies.sort((a, b) => a.id! - b.id!));
        });
        socket.send(encode(question(name, 'A', { id: 1 })), server.port, '127.0.0.1');
        socket.send(encode(question(name, 'AAAA', { id: 2 })), server.port, '127.0.0.1');
      });
    };
    try {
      const [v4, v6] = await ask('web.default.svc.cluster.local');
      expect([rcodeOf(v4!), addressesOf(v4!), rcodeOf(v6!), v6!.answers]).toEqual(['NOERROR', ['10.96.7.7'], 'NOERROR', []]);
      expect((await ask('absent.default.svc.cluster.local')).map(rcodeOf)).toEqual(['NXDOMAIN', 'NXDOMAIN']);
      const [many] = await ask('many.default.svc.cluster.local');
      expect([many!.flag_tc, addressesOf(many!).length]).toEqual([true, 29]);
    } finally {
      socket.close();
    }
  });

  it('writes the asked name once, and says the same as without', () => {
    const name = fc.constantFrom('a.example.org', 'web.default.svc.cluster.local', 'x');
    const answer = fc.oneof(
      fc.record({ type: fc.constant('A' as const), name, data: fc.constantFrom('10.0.0.1', '192.0.2.7'), ttl: fc.nat(3600) }),
      fc.record({ type: fc.constant('CNAME' as const), name, data: name, ttl: fc.nat(3600) }),
      fc.record({
        type: fc.constant('TXT' as const),
        name,
        data: fc.string({ minLength: 1, maxLength: 200 }).map((text) => [Buffer.from(text)]),
        ttl: fc.nat(9),
      }),
    );
    fc.assert(
      fc.property(name, fc.array(answer, { maxLength: 5 }), fc.array(answer, { maxLength: 2 }), (asked, answers, authorities) => {
        const { additionals } = edns(1232);
        const packet: Packet = { ...question(asked), type: 'response', answers, authorities, additionals };
        const [bytes, plain] = [encodeCompressed(packet), encode(packet)];
        expect(decode(bytes)).toEqual(decode(plain));
        const saved = answers.filter((one) => one.name === asked).length * asked.length;
        expect(bytes.length).toBe(plain.length - saved);
      }),
    );
  });

  it('refuses what it does not do, and what is no question', async () => {
    expect(rcodeOf(await askUdp(server.port, question('cluster.local', 'AXFR')))).toBe('NOTIMP');
    expect(rcodeOf(await askUdp(server.port, question('x', 'A', { flags: 5 << 11 })))).toBe('NOTIMP');
    expect(rcodeOf(decode(await askBytes(server.port, Buffer.from('001100000001000000000000ffff', 'hex'))))).toBe('FORMERR');
    expect(rcodeOf(await askUdp(server.port, question('web.default.svc.cluster.local', 'UNKNOWN_65')))).toBe('NOERROR');
    const [opt] = edns(1232).additionals;
    const future = await askUdp(
      server.port,
      question('web.default.svc.cluster.local', 'A', { additionals: [{ ...opt!, ednsVersion: 1 }] }),
    );
    // BADVERS, which is 16.
    expect(future.additionals).toMatchObject([{ type: 'OPT', extendedRcode: 1, ednsVersion: 0 }]);
    expect(rcodeOf(await askUdp(server.port, question('x', 'A', { additionals: [opt!, opt!] })))).toBe('FORMERR');
  });

  it('says "not now" for names outside when the node has no name server, and before its caches are filled', async () => {
    expect(rcodeOf(await askUdp(server.port, question('example.com')))).toBe('SERVFAIL');
    const early = await start([], new FakeInformers({ synced: false }));
    expect(rcodeOf(await askUdp(early.port, question('web.default.svc.cluster.local')))).toBe('SERVFAIL');
    await early.stop();
  });

  it('keeps the case in which it is asked, and says what it can take itself', async () => {
    const reply = await askUdp(server.port, question('WEB.Default.svc.cluster.LOCAL', 'A', edns(4096)));
    expect(reply.questions![0]!.name).toBe('WEB.Default.svc.cluster.LOCAL');
    expect(reply.answers![0]!.name).toBe('WEB.Default.svc.cluster.LOCAL');
    expect(reply.additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232 }]);
  });

  it('counts what it is asked, by the names that CoreDNS has for it, and says whether it is ready', async () => {
    const pagesPort = await freePort();
    const counted = await start([], informers, { pagesPort });
    const earlyPort = await freePort();
    const early = await start([], new FakeInformers({ synced: false }), { pagesPort: earlyPort });
    expect((await fetch(`http://127.0.0.1:${earlyPort}/ready`)).status).toBe(503);
    const get = async (path: string) => (await fetch(`http://127.0.0.1:${pagesPort}${path}`)).text();
    await askUdp(counted.port, question('web.default.svc.cluster.local'));
    await askTcp(counted.port, [question('x.default.svc.cluster.local', 'UNKNOWN_999')]);
    const metrics = await get('/metrics');
    expect(metrics).toContain('coredns_dns_requests_total{family="1",proto="udp",server="dns://:53",type="A",zone="."} 1\n');
    expect(metrics).toContain('proto="tcp",server="dns://:53",type="other",zone="."} 1\n');
    expect(metrics).toContain('coredns_dns_responses_total{rcode="NXDOMAIN",server="dns://:53"} 1\n');
    expect(metrics).toContain('coredns_dns_request_duration_seconds_count{server="dns://:53"} 2\n');
    expect([await get('/health'), await get('/ready'), (await fetch(`http://127.0.0.1:${pagesPort}/x`)).status]).toEqual(['OK', 'OK', 404]);
    await Promise.all([counted.stop(), early.stop()]);
  });

  it('knows after a start what it knew before, until the control plane tells it more', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'porthole-dns-'));
    const recordsFile = join(directory, 'dns/records.json');
    const before = await start([], informers, { recordsFile });
    await before.stop();
    const fresh = new FakeInformers({ synced: false });
    const after = await start([], fresh, { recordsFile });
    const ask = async (name: string) => {
      const reply = await askUdp(after.port, question(name));
      return [rcodeOf(reply), ...addressesOf(reply)].join(' ');
    };
    expect(await ask('web.default.svc.cluster.local')).toBe('NOERROR 10.96.7.7');
    expect(await ask('10-244-0-7.many.default.svc.cluster.local')).toBe('NOERROR 10.244.0.7');
    expect(await ask('nothing.default.svc.cluster.local')).toBe('NXDOMAIN');
    fresh.set(namespaces, namespace('default'));
    fresh.setSynced();
    expect(await ask('web.default.svc.cluster.local')).toBe('NXDOMAIN');
    await after.stop();
    // What the API server has told by then is what is known at the next start.
    const third = await start([], new FakeInformers({ synced: false }), { recordsFile });
    expect(rcodeOf(await askUdp(third.port, question('web.default.svc.cluster.local')))).toBe('NXDOMAIN');
    await third.stop();
    await writeFile(recordsFile, '{"services":');
    const fourth = await start([], new FakeInformers({ synced: false }), { recordsFile });
    expect(rcodeOf(await askUdp(fourth.port, question('web.default.svc.cluster.local')))).toBe('SERVFAIL');
    await fourth.stop();
    await rm(directory, { recursive: true });
  });

  it('names the address and the way out when its port is taken', async () => {
    const options = {
      informers,
      address: '127.0.0.1',
      port: server.port,
      upstreams: [],
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
    };
    await expect(startDns(options)).rejects.toThrow(
      `cannot listen on 127.0.0.1:${server.port}/TCP: another program has this port: stop it`,
    );
  });
});

describe('whatever arrives', () => {
  const header = fc.constantFrom('00110100000100000000', '001100000001000000000001', '00110000ffffffffffffffff', '');
  const label = fc.oneof(
    fc.string({ maxLength: 70 }),
    fc.uint8Array({ maxLength: 70 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  );
  const question = fc
    .array(label, { maxLength: 6 })
    .map((labels) =>
      Buffer.concat([
        Buffer.from('001101000001000000000000', 'hex'),
        ...labels.flatMap((text) => [Buffer.from([text.length]), Buffer.from(text, 'latin1')]),
        Buffer.from('0000010001', 'hex'),
      ]),
    );
  const noise = fc.tuple(header, fc.uint8Array({ maxLength: 600 })).map(([hex, bytes]) => Buffer.concat([Buffer.from(hex, 'hex'), bytes]));

  it('there is a reply that can be read, or none', () => {
    fc.assert(
      fc.property(fc.oneof(question, noise), (message) => {
        const query = parseQuery(message);
        if (!query) return;
        const bytes = Buffer.isBuffer(query) ? query : encodeReply(query, SERVFAIL, 'udp');
        expect(decode(bytes)).toMatchObject({ type: 'response', id: message.readUInt16BE(0) });
        if (!Buffer.isBuffer(query)) expect(decode(bytes).questions![0]!.name).toBe(query.question.name.replace(/(.)\.$/, '$1'));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('names outside the cluster', () => {
  const opened: { close(): unknown }[] = [];
  let good: Awaited<ReturnType<typeof upstream>>;
  beforeEach(async () => {
    good = await upstream(({ id, questions }) => ({
      type: 'response',
      id: id!,
      flags: 0x0180,
      questions: questions!,
      answers: [{ type: 'A', name: questions![0]!.name, ttl: 60, data: '192.0.2.1' }],
    }));
    opened.push(good.socket);
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
  });
  const serverWith = async (...upstreams: string[]) => {
    const server = await start(upstreams);
    opened.push({ close: () => server.stop() });
    return server.port;
  };

  it('come from the name server, and the second time from memory', async () => {
    const port = await serverWith(good.address);
    expect(addressesOf(await askUdp(port, question('Example.com')))).toEqual(['192.0.2.1']);
    expect(addressesOf(await askUdp(port, question('example.com')))).toEqual(['192.0.2.1']);
    expect(good.asked).toEqual(['Example.com']);
  });

  it('come from the second name server when the first is dead or forges', async () => {
    const forger = await upstream((query) => ({ type: 'response', id: (query.id! + 1) & 0xffff, questions: query.questions! }));
    opened.push(forger.socket);
    const dead = createSocket('udp4');
    await new Promise<void>((resolve) => dead.bind(0, '127.0.0.1', resolve));
    const deadPort = dead.address().port;
    await new Promise<void>((resolve) => dead.close(resolve));
    const port = await serverWith(`127.0.0.1:${deadPort}`, forger.address, good.address);
    expect(addressesOf(await askUdp(port, question('example.com')))).toEqual(['192.0.2.1']);
  });

  it('are asked of a dead name server last, until it has had time to recover', async () => {
    const silent = await upstream(() => undefined);
    opened.push(silent.socket);
    const port = await serverWith(silent.address, good.address);
    const begun = performance.now();
    await askUdp(port, question('one.example.com'));
    expect(performance.now() - begun).toBeGreaterThan(1500);
    await askUdp(port, question('two.example.com'));
    expect([silent.asked, good.asked]).toEqual([['one.example.com'], ['one.example.com', 'two.example.com']]);
  });

  it('are asked of the next where one has trouble of its own; where all have, that is the answer', async () => {
    const refuses = await upstream(({ id, questions }) => ({ type: 'response', id: id!, flags: 0x8185, questions: questions! }));
    opened.push(refuses.socket);
    const port = await serverWith(refuses.address, good.address);
    expect(addressesOf(await askUdp(port, question('example.com')))).toEqual(['192.0.2.1']);
    expect(rcodeOf(await askUdp(await serverWith(refuses.address), question('example.com')))).toBe('REFUSED');
  });

  it('that are not there are asked for again when their zone says so', async () => {
    const soa = (minimum: number) => ({
      type: 'SOA' as const,
      name: 'example.com',
      ttl: 600,
      data: { mname: 'ns.example.com', rname: 'x.example.com', serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
    });
    const denies = await upstream(({ id, questions }) => ({
      type: 'response',
      id: id!,
      flags: 0x8183,
      questions: questions!,
      authorities: [soa(questions![0]!.name.startsWith('brief') ? 0 : 20)],
    }));
    opened.push(denies.socket);
    const port = await serverWith(denies.address);
    for (const name of ['long.example.com', 'brief.example.com']) {
      for (let i = 0; i < 2; i++) expect(rcodeOf(await askUdp(port, question(name)))).toBe('NXDOMAIN');
    }
    expect(denies.asked).toEqual(['long.example.com', 'brief.example.com', 'brief.example.com']);
  });

  it('of a stub domain come from its own name servers', async () => {
    const corp = await upstream(({ id, questions }) => ({
      type: 'response',
      id: id!,
      flags: 0x8180,
      questions: questions!,
      answers: [{ type: 'A', name: questions![0]!.name, ttl: 60, data: '10.1.1.1' }],
    }));
    opened.push(corp.socket);
    const server = await start([good.address], informers, { stubDomains: { 'Corp.example': [corp.address] } });
    opened.push({ close: () => server.stop() });
    expect(addressesOf(await askUdp(server.port, question('db.corp.example')))).toEqual(['10.1.1.1']);
    expect(addressesOf(await askUdp(server.port, question('notcorp.example')))).toEqual(['192.0.2.1']);
  });

  it('asked for by many at once are asked for once, and a name server that sends them back ends in no circle', async () => {
    let port = 0;
    const relay = createSocket('udp4');
    const circle = await upstream((query) => {
      relay.send(encode({ ...question(query.questions![0]!.name), id: 99 }), port, '127.0.0.1');
      return undefined;
    });
    opened.push(circle.socket, relay);
    port = await serverWith(circle.address);
    const replies = await Promise.all([1, 2, 3].map(() => askUdp(port, question('loop.example.com'))));
    expect(replies.map(rcodeOf)).toEqual(['SERVFAIL', 'SERVFAIL', 'SERVFAIL']);
    expect(circle.asked).toEqual(['loop.example.com']);
  });

  it('are where an ExternalName leads', async () => {
    informers.set(services, service('ext', { type: 'ExternalName', externalName: 'example.com' }));
    const reply = await askUdp(await serverWith(good.address), question('ext.default.svc.cluster.local'));
    expect(reply.answers!.map((a) => a.type)).toEqual(['CNAME', 'A']);
  });
});
