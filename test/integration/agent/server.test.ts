// Port 10250 as metrics servers, dashboards and administrators use it: who may ask what, and whether what it tells is so.
import { execFileSync } from 'node:child_process';
import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/apimachinery/json.js';
import { serviceAccounts } from '../../../src/kinds/core/serviceaccount.js';
import { clusterRoles } from '../../../src/kinds/rbac/clusterrole.js';
import { clusterRoleBindings } from '../../../src/kinds/rbac/clusterrolebinding.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { until } from './engine-lab.js';
import { KubeletLab, NODE } from './kubelet-lab.js';

const sh = (script: string) => ['/bin/sh', '-c', script];

let lab: KubeletLab;
let busy: Pod;

beforeAll(async () => {
  lab = await KubeletLab.start({ authorization: { webhook: { cacheUnauthorizedTTL: '100ms', cacheAuthorizedTTL: '100ms' } } });
  await lab.create('busy', {
    containers: [
      {
        name: 'main',
        command: sh('cat /dev/zero | tr a b > /dev/null & cat /dev/zero > /big; echo said; sleep 100000'),
        resources: { limits: { memory: '64Mi' } },
        readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
      },
    ],
    volumes: [{ name: 'scratch', emptyDir: {} }],
  });
  busy = await lab.ready('busy');
}, 120_000);

afterAll(async () => {
  await lab?.stop();
});

interface Answer {
  readonly code: number;
  readonly text: string;
}

/** `as`: the administrator's certificate, a token, or nobody. */
function ask(path: string, as: 'admin' | { readonly token: string } | 'nobody', method = 'GET'): Promise<Answer> {
  const { ca, admin } = lab.api.pki;
  const credentials = as === 'admin' ? { cert: admin.cert, key: admin.key } : {};
  const headers = typeof as === 'object' ? { Authorization: `Bearer ${as.token}` } : {};
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: lab.server!.port, path, method, ca: ca.cert, headers, agent: false, ...credentials };
    const outgoing = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ code: response.statusCode!, text }));
    });
    outgoing.once('error', reject);
    outgoing.end();
  });
}

const page = async (path: string) => {
  const { code, text } = await ask(path, 'admin');
  expect(code, text).toBe(200);
  return text;
};
const json = async (path: string) => JSON.parse(await page(path)) as JsonObject;

/** Samples of a metric as `labels value`. */
const samples = (text: string, name: string) =>
  text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
const numberOf = (line: string | undefined) => Number(/ ([\d.e+-]+)( \d+)?$/.exec(line ?? '')?.[1]);

describe('who asks', () => {
  /** A service account that may do this to nodes; nothing where it is undefined. */
  async function tokenWith(name: string, resources: readonly string[]): Promise<{ readonly token: string }> {
    const { client } = lab.api;
    await client.create(serviceAccounts, { metadata: { namespace: 'default', name } });
    if (resources.length > 0) {
      await client.create(clusterRoles, { metadata: { name }, rules: [{ apiGroups: [''], resources: [...resources], verbs: ['get'] }] });
      await client.create(clusterRoleBindings, {
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
        subjects: [{ kind: 'ServiceAccount', name, namespace: 'default' }],
      });
    }
    const answer = await client.post(serviceAccounts, { namespace: 'default', name }, 'token', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: [] },
    });
    return { token: String((answer['status'] as JsonObject)['token']) };
  }

  it('is told apart: nobody and strangers are refused as such', async () => {
    expect(await ask('/pods', 'nobody')).toEqual({ code: 401, text: 'Unauthorized' });
    expect(await ask('/pods', { token: 'made-up' })).toEqual({ code: 401, text: 'Unauthorized' });
    expect((await ask('/pods', 'admin')).code).toBe(200);
  });

  it('needs the right for what is asked for, in words that name it', async () => {
    const nothing = await tokenWith('nothing', []);
    const who = 'user=system:serviceaccount:default:nothing, verb=get, resource=nodes';
    expect(await ask('/metrics', nothing)).toEqual({ code: 403, text: `Forbidden (${who}, subresource(s)=[metrics])` });
    expect(await ask('/pods', nothing)).toEqual({ code: 403, text: `Forbidden (${who}, subresource(s)=[pods proxy])` });
    expect((await ask('/containerLogs/default/busy/main', nothing)).text).toContain('subresource(s)=[proxy]');
  });

  it.each([
    ['nodes/metrics', ['/metrics', '/metrics/cadvisor', '/metrics/resource'], ['/stats/summary', '/pods', '/logs/']],
    ['nodes/stats', ['/stats/summary'], ['/metrics', '/configz']],
    ['nodes/pods', ['/pods', '/runningpods/'], ['/containerLogs/default/busy/main', '/configz']],
    ['nodes/configz', ['/configz'], ['/pods', '/healthz']],
    ['nodes/healthz', ['/healthz', '/healthz/ping'], ['/configz']],
    ['nodes/log', ['/logs/'], ['/pods']],
    ['nodes/proxy', ['/pods', '/configz', '/healthz', '/containerLogs/default/busy/main'], ['/metrics', '/stats/summary', '/logs/']],
  ])('%s opens just its pages', async (resource, open, closed) => {
    const token = await tokenWith(resource.replace('/', '-'), [resource]);
    for (const path of open) expect([path, (await ask(path, token)).code]).toEqual([path, 200]);
    for (const path of closed) expect([path, (await ask(path, token)).code]).toEqual([path, 403]);
  });

  it('may be anybody for exec only with a connection that is upgraded, and to nothing by writing', async () => {
    expect(await ask('/exec/default/busy/main?command=true&output=1', 'admin')).toEqual({ code: 400, text: 'Upgrade request required' });
    expect((await ask('/pods', 'admin', 'DELETE')).code).toBe(405);
    expect((await ask('/no/such/page', 'admin')).code).toBe(404);
  });
});

describe('/stats/summary', () => {
  it('tells what pods and the node use', async () => {
    const { node, pods } = (await json('/stats/summary')) as { node: JsonObject; pods: readonly JsonObject[] };
    const pod = pods.find(({ podRef }) => (podRef as JsonObject)['name'] === 'busy')!;
    expect(pod['podRef']).toEqual({ name: 'busy', namespace: 'default', uid: busy.metadata.uid });
    const [main] = pod['containers'] as [{ name: string; cpu: JsonObject; memory: JsonObject; rootfs: JsonObject; logs: JsonObject }];
    // One core, more or less, however busy the machine is otherwise.
    expect(main.cpu['usageNanoCores']).toBeGreaterThan(5e7);
    expect(main.cpu['usageCoreNanoSeconds']).toBeGreaterThan(1e7);
    expect(main.memory['workingSetBytes']).toBeGreaterThan(1e5);
    expect(Number(main.memory['availableBytes']) + Number(main.memory['workingSetBytes'])).toBe(64 << 20);
    expect((main.logs as { usedBytes: number }).usedBytes).toBeGreaterThan(0);
    expect((pod['network'] as JsonObject)['name']).toBe('eth0');
    expect((pod['cpu'] as JsonObject)['usageCoreNanoSeconds']).toBeGreaterThanOrEqual(0.9 * Number(main.cpu['usageCoreNanoSeconds']));
    expect(node).toMatchObject({
      nodeName: NODE,
      fs: { capacityBytes: expect.any(Number) },
      systemContainers: [{ name: 'kubelet' }, { name: 'pods' }],
    });
    expect((node['memory'] as JsonObject)['workingSetBytes']).toBeGreaterThan(1e7);
  });

  it('counts files that the container wrote, and those of its volumes', async () => {
    const writer = await lab.create('writer', {
      containers: [
        {
          name: 'main',
          command: sh('echo 1234567890 > /file; cat /bin/busybox > /scratch/copy; sleep 100000'),
          volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }],
        },
      ],
      volumes: [{ name: 'scratch', emptyDir: {} }],
    });
    await lab.ready('writer');
    const found = await until('both are counted', async () => {
      const { pods } = (await json('/stats/summary')) as { pods: readonly JsonObject[] };
      const pod = pods.find(({ podRef }) => (podRef as JsonObject)['uid'] === writer.metadata.uid);
      return (pod?.['volume'] as readonly JsonObject[] | undefined)?.length ? pod : undefined;
    });
    const volume = (found['volume'] as readonly JsonObject[]).find(({ name }) => name === 'scratch')!;
    const [main] = found['containers'] as [{ rootfs: JsonObject }];
    expect(volume['inodesUsed']).toBe(2);
    expect(volume['usedBytes']).toBeGreaterThan(100_000);
    expect(main.rootfs['usedBytes']).toBeGreaterThan(0);
    expect((found['ephemeral-storage'] as JsonObject)['usedBytes']).toBeGreaterThanOrEqual(Number(volume['usedBytes']));
    await lab.delete('writer');
  });

  it('leaves out the disk where only CPU and memory are asked for', async () => {
    const { pods } = (await json('/stats/summary?only_cpu_and_memory=true')) as { pods: readonly JsonObject[] };
    const [main] = pods[0]!['containers'] as [JsonObject];
    expect(Object.keys(main).sort()).toEqual(['cpu', 'memory', 'name', 'startTime']);
  });
});

describe('metrics', () => {
  it('/metrics/resource counts CPU time and memory, each with its time', async () => {
    const labels = 'container="main",namespace="default",pod="busy"';
    const first = await page('/metrics/resource');
    const cpu = (text: string) => numberOf(samples(text, 'container_cpu_usage_seconds_total').find((line) => line.includes(labels)));
    const second = await until('more CPU time is counted', async () => {
      const text = await page('/metrics/resource');
      return cpu(text) > cpu(first) ? text : undefined;
    });
    expect(samples(second, 'container_memory_working_set_bytes').some((line) => line.includes(labels))).toBe(true);
    const [node] = samples(second, 'node_cpu_usage_seconds_total');
    expect(Math.abs(Number(node!.split(' ').at(-1)) - Date.now())).toBeLessThan(60_000);
    expect(numberOf(samples(second, 'pod_cpu_usage_seconds_total').find((line) => line.includes('pod="busy"')))).toBeGreaterThan(0);
    expect(samples(second, 'resource_scrape_error')).toEqual(['resource_scrape_error 0']);
  });

  it('/metrics/cadvisor has what dashboards ask for', async () => {
    const text = await page('/metrics/cadvisor');
    const ofMain = (name: string) => samples(text, name).find((line) => line.includes('container="main"') && line.includes('pod="busy"'));
    for (const name of [
      'container_cpu_usage_seconds_total',
      'container_memory_working_set_bytes',
      'container_memory_rss',
      'container_start_time_seconds',
    ]) {
      expect([name, numberOf(ofMain(name)) > 0]).toEqual([name, true]);
    }
    expect(numberOf(ofMain('container_spec_memory_limit_bytes'))).toBe(64 << 20);
    const received = samples(text, 'container_network_receive_bytes_total').find((line) => line.includes('pod="busy"'));
    expect(received).toContain('interface="eth0"');
    expect(numberOf(samples(text, 'machine_cpu_cores')[0])).toBeGreaterThan(0);
  });

  it('/metrics tells of the kubelet, /metrics/probes of its probes', async () => {
    await until('a probe was counted', async () => {
      const probes = samples(await page('/metrics/probes'), 'prober_probe_total');
      const probe = probes.find((each) => each.includes('probe_type="Readiness",result="successful"'));
      return probe !== undefined && numberOf(probe) > 0;
    });
    const text = await page('/metrics');
    expect(samples(text, 'kubelet_node_name')).toEqual([`kubelet_node_name{node="${NODE}"} 1`]);
    expect(numberOf(samples(text, 'kubelet_running_pods')[0])).toBe(1);
    expect(samples(text, 'kubelet_running_containers')).toEqual(['kubelet_running_containers{container_state="running"} 1']);
    expect(numberOf(samples(text, 'kubelet_started_containers_total')[0])).toBeGreaterThan(0);
    expect(numberOf(samples(text, 'kubelet_runtime_operations_total').find((line) => line.includes('run_podsandbox')))).toBeGreaterThan(0);
    for (const name of ['kubelet_pod_start_duration_seconds', 'kubelet_pod_start_sli_duration_seconds'])
      expect([name, numberOf(samples(text, `${name}_count`)[0]) > 0]).toEqual([name, true]);
    expect(samples(text, 'kubelet_pod_worker_duration_seconds_count').map((line) => line.split(' ')[0])).toContain(
      'kubelet_pod_worker_duration_seconds_count{operation_type="create"}',
    );
    expect(samples(text, 'kubelet_desired_pods')[0]).toBe('kubelet_desired_pods{static=""} 1');
    expect(samples(text, 'kubelet_http_requests_total').some((line) => line.includes('path="metrics"'))).toBe(true);
    for (const counted of [
      'rest_client_requests_total{code="200",host="lab",method="PATCH"}',
      'rest_client_requests_total{code="201",host="lab",method="POST"}',
      'kubelet_cgroup_manager_duration_seconds_count{operation_type="create"}',
      'storage_operation_duration_seconds_count{migrated="false",operation_name="volume_mount",status="success",volume_plugin="kubernetes.io/empty-dir"}',
      'volume_manager_total_volumes{plugin_name="kubernetes.io/empty-dir",state="desired_state_of_world"}',
      'volume_manager_total_volumes{plugin_name="kubernetes.io/empty-dir",state="actual_state_of_world"}',
    ])
      expect([counted, text.split('\n').some((line) => line.startsWith(`${counted} `) && numberOf(line) > 0)]).toEqual([counted, true]);
  });

  it('name each metric once, with its type before its samples', async () => {
    for (const path of ['/metrics', '/metrics/cadvisor', '/metrics/resource', '/metrics/probes']) {
      const types = (await page(path))
        .split('\n')
        .filter((line) => line.startsWith('# TYPE '))
        .map((line) => line.split(' ')[2]);
      expect(new Set(types).size, path).toBe(types.length);
    }
  });
});

describe('the node', () => {
  it('is healthy, and says by which checks', async () => {
    expect(await page('/healthz')).toBe('ok');
    expect(await page('/healthz/ping')).toBe('ok');
    expect(await page('/healthz?verbose')).toBe('[+]ping ok\n[+]log ok\n[+]syncloop ok\nhealthz check passed\n');
    expect((await ask('/healthz/nothing', 'admin')).code).toBe(404);
  });

  it('shows its pods: as the API has them, and as they run', async () => {
    const { items } = (await json('/pods')) as unknown as { items: readonly Pod[] };
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['busy']);
    const running = (await json('/runningpods/')) as unknown as { items: readonly Pod[] };
    expect(running.items[0]).toMatchObject({
      metadata: { name: 'busy', uid: busy.metadata.uid },
      spec: { containers: [{ name: 'main' }] },
    });
  });

  it('shows its settings', async () => {
    const { kubeletconfig } = await json('/configz');
    expect(kubeletconfig).toMatchObject({ kind: 'KubeletConfiguration', maxPods: 110, authentication: { anonymous: { enabled: false } } });
  });

  it('shows files below /var/log, and nothing that links lead to', async () => {
    execFileSync('sh', [
      '-c',
      'mkdir -p /var/log/porthole-test && echo words > /var/log/porthole-test/file && ln -sf /etc/passwd /var/log/porthole-test/link',
    ]);
    try {
      expect(await page('/logs/porthole-test/file')).toBe('words\n');
      expect(await page('/logs/porthole-test/')).toContain('<a href="file">file</a>');
      for (const path of ['/logs/porthole-test/link', '/logs/..%2f..%2fetc/passwd', '/logs/none'])
        expect((await ask(path, 'admin')).code).toBe(404);
    } finally {
      execFileSync('rm', ['-r', '/var/log/porthole-test']);
    }
  });
});
