// Debian's Prometheus scrapes the API server's metrics. (Debian builds it without the discovery of Kubernetes' objects; what that asks of the
// API server is what every reflector asks: see controller.test.ts.)
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestServer } from '../../suites/apiserver.js';
import { startTestCluster } from '../../suites/cluster.js';
import { shows } from '../../suites/compatibility.js';
import { debianFile, debianHas } from '../../suites/debian.js';
import { freePorts } from '../../suites/etcd-cluster.js';
import { Kubectl } from '../../suites/kubectl.js';
import { until } from '../../suites/until.js';

const VERSION = '2.42';

const OBJECTS = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: prometheus, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: prometheus}
rules: [{nonResourceURLs: [/metrics], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: prometheus}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: prometheus}
subjects: [{kind: ServiceAccount, name: prometheus, namespace: default}]
`;

describe.skipIf(!debianHas('prometheus', VERSION))('prometheus', () => {
  let cluster: TestServer;
  let server: ChildProcess;
  let url: string;

  beforeAll(async () => {
    cluster = await startTestCluster();
    const kubectl = new Kubectl('1.35', cluster.kubeconfig, join(cluster.dir, 'home'));
    await kubectl.ok(['apply', '-f', '-'], OBJECTS);
    const token = (await kubectl.ok(['create', 'token', 'prometheus'])).trim();
    const [port] = await freePorts(1);
    url = `http://127.0.0.1:${port}`;
    const dir = join(cluster.dir, 'prometheus');
    mkdirSync(dir);
    const { ca, admin } = cluster.pki;
    for (const [name, text] of Object.entries({ token, 'ca.crt': ca.cert, 'admin.crt': admin.cert, 'admin.key': admin.key }))
      writeFileSync(join(dir, name), text);
    writeFileSync(join(dir, 'prometheus.yml'), JSON.stringify(configuration(new URL(cluster.url).host, dir)));
    const flags = [`--config.file=${dir}/prometheus.yml`, `--storage.tsdb.path=${dir}/data`, `--web.listen-address=127.0.0.1:${port}`];
    server = spawn(debianFile('prometheus', 'usr/bin/prometheus'), flags);
    let log = '';
    server.stderr!.on('data', (chunk) => {
      log += chunk;
    });
    await until('prometheus serves', async () => {
      if (server.exitCode !== null) throw new Error(`prometheus ended:\n${log}`);
      return (await fetch(`${url}/-/ready`).catch(() => undefined))?.ok ?? false;
    });
  });

  afterAll(async () => {
    if (server?.exitCode === null) {
      const ended = new Promise((resolve) => server.once('close', resolve));
      server.kill();
      await ended;
    }
    await cluster?.stop();
  });

  const ask = async (path: string) => ((await (await fetch(url + path)).json()) as { data: unknown }).data;
  /** The first value that the expression has; NaN if it has none. */
  const value = async (expression: string) => {
    const { result } = (await ask(`/api/v1/query?query=${encodeURIComponent(expression)}`)) as {
      result: readonly { value: [number, string] }[];
    };
    return Number(result[0]?.value[1] ?? Number.NaN);
  };
  const shown = (verb: string, body: () => Promise<void>) =>
    it(verb, async (context) => {
      shows(context, { client: 'prometheus', version: VERSION, verb, result: 'works' });
      await body();
    });

  shown('scrape /metrics with a token', async () => {
    await until('it is scraped', async () => (await value('up{job="token"}')) === 1);
    expect(await value('count({job="token",__name__=~"apiserver_.+"})')).toBeGreaterThan(10);
  });

  shown('scrape /metrics with a client certificate', async () => {
    await until('it is scraped', async () => (await value('up{job="certificate"}')) === 1);
    expect(await value('sum(apiserver_request_total{job="certificate",resource="serviceaccounts"})')).toBeGreaterThan(0);
  });

  it('is refused without either', async () => {
    await until('it was asked', async () => (await value('up{job="nobody"}')) === 0);
    const { activeTargets } = (await ask('/api/v1/targets?scrapePool=nobody')) as {
      activeTargets: readonly { scrapePool: string; lastError: string }[];
    };
    expect(activeTargets.find(({ scrapePool }) => scrapePool === 'nobody')?.lastError).toMatch(/HTTP status 40[13]/);
  });

  shown('query histograms', async () => {
    const quantile = 'histogram_quantile(0.9, sum by (le) (apiserver_request_duration_seconds_bucket{job="certificate",verb!="WATCH"}))';
    await until('there are some', async () => (await value(quantile)) > 0);
    expect(await value(quantile)).toBeLessThan(60);
  });
});

function configuration(target: string, dir: string) {
  const job = (job_name: string, tls: object, access: object = {}) => ({
    job_name,
    scheme: 'https',
    static_configs: [{ targets: [target] }],
    tls_config: { ca_file: join(dir, 'ca.crt'), ...tls },
    ...access,
  });
  return {
    global: { scrape_interval: '1s' },
    scrape_configs: [
      job('token', {}, { authorization: { credentials_file: join(dir, 'token') } }),
      job('certificate', { cert_file: join(dir, 'admin.crt'), key_file: join(dir, 'admin.key') }),
      job('nobody', {}),
    ],
  };
}
