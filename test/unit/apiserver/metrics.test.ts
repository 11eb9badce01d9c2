// /metrics after real requests: upstream's names and labels, counts that are right, and label values that no client can invent.
import { connect } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';

let api: TestServer;
beforeAll(async () => {
  api = await startTestServer();
});
afterAll(() => api?.stop());

/** One request by the administrator; resolves to the body once the answer has ended. */
async function http(
  method: string,
  path: string,
  body?: object,
  contentType = 'application/json',
): Promise<{ type: string; text: string }> {
  const { ca, admin } = api.pki;
  const session = connect(api.url, { ca: ca.cert, cert: admin.cert, key: admin.key });
  try {
    const stream = session.request({ ':method': method, ':path': path, 'content-type': contentType }, { endStream: !body });
    if (body) stream.end(JSON.stringify(body));
    let [type, text] = ['', ''];
    stream.on('response', (headers) => void (type = String(headers['content-type'])));
    for await (const piece of stream) text += piece;
    return { type, text };
  } finally {
    session.destroy();
  }
}

/** Samples by name and labels. */
async function scrape(): Promise<Map<string, number>> {
  const { type, text } = await http('GET', '/metrics');
  expect(type).toBe('text/plain; version=0.0.4; charset=utf-8');
  const samples = new Map<string, number>();
  const declared = new Set<string>();
  for (const line of text.trimEnd().split('\n')) {
    const [, declaration] = /^# (?:HELP|TYPE) (\S+) \S/.exec(line) ?? [];
    if (declaration) {
      declared.add(declaration);
      continue;
    }
    const [, name, labels = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    expect(name, line).toBeDefined();
    expect(declared, line).toContain(name!.replace(/_(bucket|sum|count)$/, (suffix) => (declared.has(name!) ? suffix : '')));
    const key = `${name}{${
      labels
        .match(/\w+="(?:[^"\\]|\\.)*"/g)
        ?.sort()
        .join(',') ?? ''
    }}`;
    expect(samples.has(key), key).toBe(false);
    samples.set(key, Number(value));
  }
  return samples;
}

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const request = (verb: string, code: number, scope: string, more: { [label: string]: string } = {}) => {
  const labels = {
    component: 'apiserver',
    code: String(code),
    dry_run: '',
    group: '',
    resource: 'configmaps',
    scope,
    subresource: '',
    verb,
    version: 'v1',
    ...more,
  };
  return `apiserver_request_total{${Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .sort()
    .join(',')}}`;
};

describe('requests', () => {
  it('are counted by what they ask for and how they are answered', async () => {
    await http('POST', CONFIG_MAPS, { metadata: { name: 'a' } });
    await http('POST', CONFIG_MAPS, { metadata: { name: 'a' } });
    await http('POST', `${CONFIG_MAPS}?dryRun=All`, { metadata: { name: 'b' } });
    await http('GET', `${CONFIG_MAPS}/a`);
    await http('GET', CONFIG_MAPS);
    await http('GET', '/api/v1/configmaps');
    await http('PATCH', `${CONFIG_MAPS}/a`, { data: { x: 'y' } }, 'application/merge-patch+json');
    await http('DELETE', `${CONFIG_MAPS}/nothing`);
    const samples = await scrape();
    expect(samples.get(request('POST', 201, 'namespace'))).toBe(1);
    expect(samples.get(request('POST', 409, 'namespace'))).toBe(1);
    expect(samples.get(request('POST', 201, 'namespace', { dry_run: 'All' }))).toBe(1);
    expect(samples.get(request('GET', 200, 'resource'))).toBe(1);
    expect(samples.get(request('LIST', 200, 'namespace'))).toBe(1);
    expect(samples.get(request('LIST', 200, 'cluster'))).toBe(1);
    expect(samples.get(request('PATCH', 200, 'resource'))).toBe(1);
    expect(samples.get(request('DELETE', 404, 'resource'))).toBe(1);
  });

  it('are timed and weighed', async () => {
    const samples = await scrape();
    const of = (name: string) =>
      [...samples].filter(([key]) => key.startsWith(`${name}{`) && key.includes('"configmaps"') && key.includes('"LIST"'));
    const [duration] = of('apiserver_request_duration_seconds_count').filter(([key]) => key.includes('"namespace"'));
    expect(duration![1]).toBe(1);
    const buckets = of('apiserver_request_duration_seconds_bucket').filter(([key]) => key.includes('"namespace"'));
    expect(buckets.find(([key]) => key.includes('le="+Inf"'))![1]).toBe(1);
    const counts = buckets.map(([, count]) => count);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(of('apiserver_response_sizes_sum')[0]![1]).toBeGreaterThan(100);
  });

  it('cannot make series of names that clients invent', async () => {
    for (const path of ['/api/v1/inventions', '/inventions/a', `${CONFIG_MAPS}/a/invention`, '/apis/invented.io/v1/things'])
      await http('GET', path);
    await http('GET', '/livez?verbose');
    const keys = [...(await scrape()).keys()];
    expect(keys.filter((key) => key.includes('invent'))).toEqual([]);
    expect(keys).toEqual(expect.arrayContaining([expect.stringMatching(/^apiserver_request_total\{.*subresource="\/livez"/)]));
  });
});

it('tells of the store, the objects and the process', async () => {
  const samples = await scrape();
  expect(samples.get('apiserver_storage_objects{resource="configmaps"}')).toBe((await api.client.list(configMaps)).items.length);
  expect(samples.get('apiserver_storage_objects{resource="deployments.apps"}')).toBe(0);
  expect(
    samples.get('etcd_request_duration_seconds_count{operation="create",type="configmaps"}'),
    'two, one of them refused, how users are vouched for, and since when the use of old tokens is noted',
  ).toBe(4);
  expect(samples.get('process_resident_memory_bytes{}')).toBeGreaterThan(10e6);
  expect(samples.get('process_open_fds{}')).toBeGreaterThan(3);
  expect(samples.get('process_start_time_seconds{}')! * 1000).toBeLessThan(Date.now());
  expect([...samples.keys()].find((key) => key.startsWith('kubernetes_build_info'))).toContain('git_version="v1.35');
  expect(samples.get('apiserver_current_inflight_requests{request_kind="readOnly"}'), 'the scrape itself').toBe(1);
});

it('counts watches while they are open, and their events', async () => {
  const { ca, admin } = api.pki;
  const session = connect(api.url, { ca: ca.cert, cert: admin.cert, key: admin.key });
  const stream = session.request({ ':path': `${CONFIG_MAPS}?watch=true&resourceVersion=0` });
  await new Promise((resolve) => stream.once('data', resolve));
  const open = [...(await scrape())].find(([key]) => key.startsWith('apiserver_longrunning_requests') && key.includes('"WATCH"'));
  expect(open![1]).toBe(1);
  const events = () => scrape().then((samples) => samples.get('apiserver_watch_events_total{group="",kind="ConfigMap",version="v1"}')!);
  const before = await events();
  const next = new Promise((resolve) => stream.once('data', resolve));
  await http('POST', CONFIG_MAPS, { metadata: { name: 'watched' } });
  await next;
  expect(await events()).toBe(before + 1);
  const closed = new Promise((resolve) => stream.once('close', resolve));
  session.destroy();
  await closed;
  const watching = async () => [...(await scrape()).keys()].some((key) => key.startsWith('apiserver_longrunning_requests'));
  await expect.poll(watching).toBe(false);
});
