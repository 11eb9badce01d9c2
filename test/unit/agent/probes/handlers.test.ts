// What probes say of servers that answer, that do not, and that answer something else; over real sockets.
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type ProbeOutcome, probeOnce } from '../../../../agent/probes/probe.js';
import { type ContainerRuntime, RuntimeError } from '../../../../agent/runtime/runtime.js';
import { systemClock } from '../../../../src/apimachinery/clock.js';
import type { HTTPGetAction, Probe } from '../../../../src/kinds/types/core_v1.js';
import { type GrpcHealth, startGrpcHealth } from '../../../suites/grpc-health.js';
import { startHttpsServer } from '../../../suites/https-server.js';
import { container } from '../kubelet/fixtures.js';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const noRuntime = { exec: async () => Promise.reject(new RuntimeError(409, 'container is paused')) } as Partial<ContainerRuntime>;

/** `podIp` is what the server of the pod would listen on. */
function probe(of: Probe, podIp = '127.0.0.1'): Promise<ProbeOutcome> {
  const target = { container: container('main', { ports: [{ name: 'web', containerPort: 1 }] }), containerId: 'c', podIp };
  return probeOnce(of, target, noRuntime as ContainerRuntime, systemClock);
}

async function listen(server: TcpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

async function closedPort(): Promise<number> {
  const port = await listen(createTcpServer());
  await stops.pop()!();
  return port;
}

const http = (port: number, action: Partial<HTTPGetAction> = {}, extra: Probe = {}) => probe({ httpGet: { port, ...action }, ...extra });
const serve = (listener: RequestListener) => listen(createServer(listener));

describe('an HTTP probe', () => {
  it.each([
    [200, 'success', ''],
    [204, 'success', ''],
    [399, 'warning', 'Probe terminated redirects, Response body: hello'],
    [404, 'failure', 'HTTP probe failed with statuscode: 404'],
    [503, 'failure', 'HTTP probe failed with statuscode: 503'],
  ])('of an answer %i is a %s', async (code, result, output) => {
    const port = await serve((_, response) => response.writeHead(code).end(code === 204 ? undefined : 'hello'));
    expect(await http(port)).toEqual({ result, output });
  });

  it('sends the headers that it is given, and its own where they are not', async () => {
    const seen: object[] = [];
    const port = await serve(({ headers, url }, response) => {
      seen.push({ ...headers, url });
      response.end();
    });
    await http(port, { path: 'health?deep=1' });
    await http(port, {
      httpHeaders: [
        { name: 'Host', value: 'shop.example' },
        { name: 'User-Agent', value: 'me' },
        { name: 'Accept', value: '' },
        { name: 'X-Key', value: '1' },
        { name: 'x-key', value: '2' },
      ],
    });
    expect(seen[0]).toMatchObject({ host: `127.0.0.1:${port}`, 'user-agent': 'kube-probe/1.35', accept: '*/*', url: '/health?deep=1' });
    expect(seen[1]).toEqual({ host: 'shop.example', 'user-agent': 'me', 'x-key': '1, 2', connection: 'close', url: '/' });
  });

  it('follows redirects on the same host, and no others', async () => {
    const port = await serve(({ url }, response) => {
      const [, to] = /^\/to\/(.*)$/.exec(url!) ?? [];
      if (to) response.writeHead(302, { location: decodeURIComponent(to) }).end('moved');
      else response.writeHead(url === '/bad' ? 500 : 200).end();
    });
    expect(await http(port, { path: '/to/%2Fgood' })).toEqual({ result: 'success', output: '' });
    expect(await http(port, { path: '/to/%2Fbad' })).toEqual({ result: 'failure', output: 'HTTP probe failed with statuscode: 500' });
    expect(await http(port, { path: '/to/http%3A%2F%2Felsewhere.example%2F' })).toEqual({
      result: 'warning',
      output: 'Probe terminated redirects, Response body: moved',
    });
    const round = await serve((_, response) => response.writeHead(307, { location: '/' }).end());
    expect(await http(round)).toEqual({ result: 'failure', output: `Get "http://127.0.0.1:${round}/": stopped after 10 redirects` });
  });

  it('says in upstream words why there was no answer', async () => {
    const port = await closedPort();
    expect(await http(port, { path: '/x' })).toEqual({
      result: 'failure',
      output: `Get "http://127.0.0.1:${port}/x": dial tcp 127.0.0.1:${port}: connect: connection refused`,
    });
    const silent = await serve(() => undefined);
    expect((await http(silent, {}, { timeoutSeconds: 0.2 })).output).toBe(
      `Get "http://127.0.0.1:${silent}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    );
  });

  it('over TLS looks at no certificate', async () => {
    const server = await startHttpsServer((_request, _body, response) => void response.end());
    stops.push(() => server.stop());
    expect(await http(server.port, { scheme: 'HTTPS' })).toEqual({ result: 'success', output: '' });
    const plain = await serve((_, response) => response.end());
    expect((await http(plain, { scheme: 'HTTPS' })).output).toContain('http: server gave HTTP response to HTTPS client');
  });

  it('goes to the host that it names', async () => {
    const port = await serve((_, response) => response.end());
    expect((await probe({ httpGet: { port, host: '127.0.0.1' } }, '192.0.2.1')).result).toBe('success');
  });

  it('counts for nothing where its port is none', async () => {
    expect(await http('nope' as never)).toEqual({ result: 'unknown', output: "couldn't find port: nope in container main" });
  });
});

describe('a TCP probe', () => {
  it('needs a port that accepts', async () => {
    expect(await probe({ tcpSocket: { port: await listen(createTcpServer()) } })).toEqual({ result: 'success', output: '' });
    const port = await closedPort();
    const output = `dial tcp 127.0.0.1:${port}: connect: connection refused`;
    expect(await probe({ tcpSocket: { port, host: '127.0.0.1' } }, '192.0.2.1')).toEqual({ result: 'failure', output });
  });
});

async function grpcServer(states: { readonly [service: string]: Parameters<GrpcHealth['set']>[1] }, path?: string): Promise<number> {
  const health = await startGrpcHealth(path);
  stops.push(() => health.stop());
  for (const [service, state] of Object.entries(states)) health.set(service, state);
  return health.port;
}

describe('a gRPC probe', () => {
  const grpc = (port: number, service?: string, extra: Probe = {}) => probe({ grpc: { port, ...(service ? { service } : {}) }, ...extra });

  it('asks for its service, which must serve', async () => {
    const port = await grpcServer({ '': 'SERVING', ready: 'SERVING', broken: 'NOT_SERVING', odd: 'UNKNOWN', ['x'.repeat(200)]: 'SERVING' });
    for (const service of [undefined, 'ready', 'x'.repeat(200)])
      expect(await grpc(port, service)).toEqual({ result: 'success', output: '' });
    expect(await grpc(port, 'broken')).toEqual({ result: 'failure', output: 'service unhealthy (responded with "NOT_SERVING")' });
    expect((await grpc(port, 'odd')).output).toBe('service unhealthy (responded with "UNKNOWN")');
    expect((await grpc(port, 'nobody')).output).toBe('error: health rpc probe failed: rpc error: code = 5 desc = unknown service');
  });

  it('says in upstream words why nobody said that it does', async () => {
    const other = await grpcServer({}, '/other.Service/Call');
    expect((await grpc(other)).output).toMatch(
      /^error: this server does not implement the grpc health protocol \(grpc\.health\.v1\.Health\): /,
    );
    const slow = await grpcServer({ '': 'silent' });
    expect((await grpc(slow, '', { timeoutSeconds: 0.3 })).output).toBe('timeout: health rpc did not complete within 0.3s');
    const closed = await closedPort();
    expect((await grpc(closed)).output).toBe(
      `timeout: failed to connect service "127.0.0.1:${closed}" within 1s: context deadline exceeded`,
    );
    const plain = await serve((_, response) => response.end());
    expect((await grpc(plain)).result).toBe('failure');
  });
});

it('a probe by command counts for nothing where it cannot be run', async () => {
  expect(await probe({ exec: { command: ['true'] } })).toEqual({ result: 'unknown', output: 'container is paused' });
});
