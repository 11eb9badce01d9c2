// The webhook client against a real HTTPS server: what comes back, and what is said where nothing does.
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../src/apimachinery/clock.js';
import { serviceUnavailable } from '../../../../src/apimachinery/status.js';
import { WebhookClient, type WebhookClientConfig } from '../../../../src/apiserver/webhooks/client.js';
import { type Handle, type HttpsServer, startHttpsServer } from '../../../suites/https-server.js';

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function webhook(handle: Handle, altNames = { dns: [] as string[], ips: ['127.0.0.1'] }): Promise<HttpsServer> {
  const server = await startHttpsServer(handle, { altNames });
  stops.push(server.stop);
  return server;
}

function clientFor(resolve: ConstructorParameters<typeof WebhookClient>[0]['resolve'] = () => Promise.reject(new Error('no service'))) {
  const client = new WebhookClient({ clock: systemClock, resolve });
  stops.push(() => client.close());
  return client;
}

const json: Handle = (request, body, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ url: request.url, host: request.headers.host, got: JSON.parse(body) }));
};
const at = ({ port, caBundle }: HttpsServer): WebhookClientConfig => ({ url: `https://127.0.0.1:${port}/hook`, caBundle });

describe('an answer', () => {
  test('is the JSON that the webhook sent, and its connection serves the next call', async () => {
    const server = await webhook(json);
    const client = clientFor();
    for (let i = 0; i < 3; i++) {
      expect(await client.post(at(server), { i }, 2500)).toEqual({ url: '/hook?timeout=3s', host: `127.0.0.1:${server.port}`, got: { i } });
    }
    expect(server.connections()).toBe(1);
  });

  test('of a Service comes from one of its endpoints, under the name of the Service', async () => {
    const server = await webhook(json, { dns: ['hooks.ops.svc'], ips: [] });
    const client = clientFor(({ namespace, name, port }) => {
      expect({ namespace, name, port }).toEqual({ namespace: 'ops', name: 'hooks', port: 443 });
      return Promise.resolve({ host: '127.0.0.1', port: server.port });
    });
    const config = { service: { namespace: 'ops', name: 'hooks', path: '/mutate' }, caBundle: server.caBundle };
    expect(await client.post(config, {}, 10_000)).toMatchObject({ url: '/mutate?timeout=10s', host: 'hooks.ops.svc:443' });
  });

  test('comes also after the webhook has closed the connection that was kept', async () => {
    const server = await webhook(json);
    const client = clientFor();
    await client.post(at(server), {}, 10_000);
    server.dropConnections();
    expect(await client.post(at(server), {}, 10_000)).toMatchObject({ got: {} });
  });
});

describe('no answer is told in the words of Go’s client', () => {
  const refused = async (server: HttpsServer, config = at(server), timeout_ms = 10_000) => {
    const error = await clientFor()
      .post(config, {}, timeout_ms)
      .then(
        () => expect.fail('it should have failed'),
        (error: Error) => error,
      );
    return error.message.replaceAll(String(server.port), 'PORT');
  };
  const url = 'Post "https://127.0.0.1:PORT/hook?timeout=10s"';

  test('nobody listens', async () => {
    const server = await webhook(json);
    await server.stop();
    expect(await refused(server)).toBe(`${url}: dial tcp 127.0.0.1:PORT: connect: connection refused`);
  });

  test('it takes too long', async () => {
    const server = await webhook(() => {});
    expect(await refused(server, at(server), 200)).toBe('Post "https://127.0.0.1:PORT/hook?timeout=1s": context deadline exceeded');
  });

  test('it hangs up', async () => {
    const server = await webhook((request) => void request.socket.destroy());
    expect(await refused(server)).toBe(`${url}: EOF`);
  });

  test('its certificate is not of the authority in caBundle, or for another name', async () => {
    const [server, other] = [await webhook(json), await webhook(json, { dns: ['a.example', 'b.example'], ips: [] })];
    const unknown = { ...at(server), caBundle: other.caBundle };
    expect(await refused(server, unknown)).toBe(`${url}: tls: failed to verify certificate: x509: certificate signed by unknown authority`);
    expect(await refused(other)).toBe(
      `${url}: tls: failed to verify certificate: x509: certificate is valid for a.example, b.example, not 127.0.0.1`,
    );
  });

  test('it does not speak TLS', async () => {
    const plain = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n', () => socket.destroy()));
    });
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    stops.push(() => new Promise<void>((resolve) => plain.close(() => resolve())));
    const { port } = plain.address() as { port: number };
    await expect(clientFor().post({ url: `https://127.0.0.1:${port}/hook` }, {}, 1000)).rejects.toThrow(
      /^Post "https:.*wrong version number/s,
    );
  });

  test.each([
    [500, 'boom', 'an error on the server ("boom") has prevented the request from succeeding'],
    [404, 'page', 'the server could not find the requested resource'],
    [403, '{"kind":"Status","message":"no entry","code":403}', 'no entry'],
    [200, 'ok', "couldn't get version/kind; json parse error: invalid character 'o' looking for beginning of value"],
  ])('it answers %i with %s', async (code, body, message) => {
    const server = await webhook((_request, _body, response) => void response.writeHead(code).end(body));
    expect(await refused(server)).toBe(message);
  });

  test('its Service has no endpoint', async () => {
    const client = clientFor(() => Promise.reject(serviceUnavailable('no endpoints available for service "hooks"')));
    const call = client.post({ service: { namespace: 'ops', name: 'hooks' } }, {}, 1000);
    await expect(call).rejects.toMatchObject({ message: 'no endpoints available for service "hooks"', status: { code: 503 } });
  });
});
