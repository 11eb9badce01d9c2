// etcd's HTTP endpoints beside gRPC, as probes and Prometheus ask for them: with and without TLS, by HTTP/1.1 and HTTP/2, on ports of their own.
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EtcdLab, freePort, run, startPorthole } from '../../suites/etcdctl.js';

interface Answer {
  readonly status: number;
  readonly body: string;
}

function get(url: string, tls: object = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = (url.startsWith('https:') ? httpsRequest : httpRequest)(url, { ...tls, method, agent: false }, async (response) => {
      resolve({ status: response.statusCode!, body: await text(response) });
    });
    request.on('error', reject);
    request.end();
  });
}

describe('the HTTP endpoints of porthole etcd', () => {
  const dir = mkdtempSync(join(tmpdir(), 'porthole-test-etcd-http-'));
  let lab: EtcdLab;
  let served: ReturnType<typeof startPorthole>;
  let [secure, plain, metrics] = ['', '', ''];
  let tls: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer };

  beforeAll(async () => {
    // For its certificates.
    lab = await EtcdLab.start();
    const file = (name: string) => join(lab.dir, 'pki/etcd', name);
    const [ca, cert, key] = await Promise.all(
      ['ca.crt', 'healthcheck-client.crt', 'healthcheck-client.key'].map((name) => readFile(file(name))),
    );
    tls = { ca: ca!, cert: cert!, key: key! };
    secure = `https://127.0.0.1:${await freePort()}`;
    plain = `http://127.0.0.1:${await freePort()}`;
    metrics = `http://127.0.0.1:${await freePort()}`;
    // A command line as kubeadm writes it.
    served = startPorthole(
      ...['etcd', '--name=one', `--data-dir=${join(dir, 'etcd')}`, `--listen-client-urls=${secure},${plain}`],
      ...[`--advertise-client-urls=${secure}`, `--listen-metrics-urls=${metrics}`, '--client-cert-auth=true'],
      ...[`--cert-file=${file('server.crt')}`, `--key-file=${file('server.key')}`, `--trusted-ca-file=${file('ca.crt')}`],
      ...['--initial-cluster=one=https://127.0.0.1:2380', '--initial-advertise-peer-urls=https://127.0.0.1:2380'],
      ...['--listen-peer-urls=https://127.0.0.1:2380', `--peer-cert-file=${file('server.crt')}`, '--peer-client-cert-auth=true'],
      ...['--snapshot-count=10000', '--experimental-initial-corrupt-check=true', '--experimental-watch-progress-notify-interval=5s'],
    );
    await served.until(/serving etcd clients/);
  });
  afterAll(async () => {
    await served?.stop();
    await lab?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('tell health and version on the clients’ ports', async () => {
    for (const answer of [await get(`${plain}/health`), await get(`${secure}/health`, tls)]) {
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.body)).toEqual({ health: 'true', reason: '' });
    }
    expect(JSON.parse((await get(`${plain}/version`)).body)).toEqual({ etcdserver: '3.5.0', etcdcluster: '3.5.0' });
    expect(await get(`${plain}/readyz`)).toEqual({ status: 200, body: 'ok\n' });
    expect((await get(`${plain}/nothing`)).status).toBe(404);
    expect((await get(`${plain}/health`, {}, 'POST')).status).toBe(405);
    expect(await get(`${plain}/health`, {}, 'HEAD')).toEqual({ status: 200, body: '' });
  });

  it('are for nobody without a certificate where clients need one', async () => {
    await expect(get(`${secure}/health`, { ca: tls.ca })).rejects.toThrow();
  });

  it('speak HTTP/2 to who does', async () => {
    const session = connect(secure, tls);
    try {
      const stream = session.request({ ':path': '/health' });
      const status = new Promise((resolve) => stream.on('response', (headers) => resolve(headers[':status'])));
      expect(JSON.parse(await text(stream))).toEqual({ health: 'true', reason: '' });
      expect(await status).toBe(200);
    } finally {
      session.close();
    }
  });

  it('count calls by method and code, and what the store holds', async () => {
    const address = plain.replace('http://', '');
    await run('etcdctl', [`--endpoints=${address}`, 'put', 'a', '1']);
    await run('etcdctl', [`--endpoints=${address}`, 'put', 'a', '1', '--lease=123']);
    for (const url of [`${plain}/metrics`, `${metrics}/metrics`]) {
      const { body } = await get(url);
      expect(body).toContain(
        'grpc_server_handled_total{grpc_code="OK",grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"} 1\n',
      );
      expect(body).toContain('grpc_code="NotFound",grpc_method="Put"');
      expect(body).toContain('etcd_server_has_leader 1\n');
      expect(body).toContain('etcd_debugging_mvcc_current_revision 2\n');
      expect(body).toMatch(/etcd_mvcc_db_total_size_in_bytes \d{3,}\n/);
    }
    expect((await get(`${metrics}/health`)).status).toBe(200);
  });

  it('do not end for a client that says nothing sensible, or goes away', async () => {
    const port = Number(new URL(plain).port);
    for (const words of ['PRI * HT', 'nonsense\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense that is no frame', '']) {
      const socket = connectSocket(port, '127.0.0.1');
      socket.on('error', () => {});
      await new Promise<void>((resolve) => socket.write(words, () => resolve()));
      socket.destroy();
    }
    expect((await get(`${plain}/health`)).status).toBe(200);
  });
});
