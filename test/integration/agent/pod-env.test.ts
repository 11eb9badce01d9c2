// What a container's process is given on a real engine: its command, its environment, its place and its terminal.
import { describe, expect, it } from 'vitest';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { secrets } from '../../../src/kinds/core/secret.js';
import { services } from '../../../src/kinds/core/service.js';
import { serviceAccounts } from '../../../src/kinds/core/serviceaccount.js';
import type { EnvVar, Pod } from '../../../src/kinds/types/core_v1.js';
import { showsFields } from '../../suites/pod-spec.js';
import { BUSYBOX_IMAGE } from './engine-lab.js';
import { type KubeletLab, NODE } from './kubelet-lab.js';
import { withLab } from './with-lab.js';

let lab: KubeletLab;
const metadata = (name: string) => ({ name, namespace: 'default' });

withLab(async (started) => {
  lab = started;
  const { client } = lab.api;
  await client.create(configMaps, { metadata: metadata('conf'), data: { COLOUR: 'blue', 'a.b-c': 'odd' } });
  await client.create(services, {
    metadata: metadata('my-db'),
    spec: { ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }], clusterIP: '10.96.7.7' },
  });
  await client.create(secrets, { metadata: metadata('login'), data: { user: 'bWU=', password: 'c2VjcmV0' } });
});

/** Of its first process, as it began. */
async function environment(pod: string, container = 'main'): Promise<ReadonlyMap<string, string>> {
  const text = await lab.sh(pod, 'cat /proc/1/environ', container);
  return new Map(
    text
      .split('\0')
      .filter(Boolean)
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}
const field = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } });
const resource = (name: string, wanted: string, divisor?: string, containerName?: string): EnvVar => ({
  name,
  valueFrom: { resourceFieldRef: { resource: wanted, ...(divisor ? { divisor } : {}), ...(containerName ? { containerName } : {}) } },
});
const why = (pod: Pod) => pod.status.containerStatuses?.[0]?.state.waiting;

describe('the environment', () => {
  it('is what the spec says, from the pod itself, its containers’ resources, ConfigMaps and Secrets', async (context) => {
    showsFields(
      context,
      'spec.containers[].env[].{name,value}',
      'spec.containers[].env[].valueFrom.{fieldRef.apiVersion,fieldRef.fieldPath}',
      'spec.containers[].env[].valueFrom.resourceFieldRef.{containerName,resource,divisor}',
      'spec.containers[].env[].valueFrom.configMapKeyRef.{name,key,optional}',
      'spec.containers[].env[].valueFrom.secretKeyRef.{name,key,optional}',
      'spec.containers[].envFrom[].{prefix,configMapRef.name,configMapRef.optional,secretRef.name,secretRef.optional}',
      'spec.{serviceAccountName,serviceAccount,nodeName}',
    );
    await lab.api.client.create(serviceAccounts, { metadata: metadata('worker') });
    const env: EnvVar[] = [
      field('NAME', 'metadata.name'),
      field('NAMESPACE', 'metadata.namespace'),
      field('UID', 'metadata.uid'),
      field('LABEL', "metadata.labels['app']"),
      field('NOTE', "metadata.annotations['note']"),
      field('NO_LABEL', "metadata.labels['none']"),
      field('NODE', 'spec.nodeName'),
      field('ACCOUNT', 'spec.serviceAccountName'),
      field('HOST', 'status.hostIP'),
      field('HOSTS', 'status.hostIPs'),
      field('IP', 'status.podIP'),
      field('IPS', 'status.podIPs'),
      resource('CPU', 'limits.cpu', '1m'),
      resource('CPUS', 'limits.cpu'),
      resource('MEMORY', 'limits.memory', '1Mi'),
      resource('REQUEST', 'requests.memory', '1Mi'),
      resource('OTHER', 'requests.cpu', '1m', 'other'),
      resource('NODE_MEMORY', 'limits.memory', '1', 'other'),
      { name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'conf', key: 'COLOUR' } } },
      { name: 'NONE', valueFrom: { configMapKeyRef: { name: 'conf', key: 'none', optional: true } } },
      { name: 'GONE', valueFrom: { secretKeyRef: { name: 'none', key: 'x', optional: true } } },
      { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'login', key: 'password', optional: false } } },
      { name: 'REFERS', value: '$(NAME) $(MAP_COLOUR) $(LATER) $$(NAME) $$$(NAME) $(' },
      { name: 'LATER', value: 'x' },
      { name: 'S_user', value: 'over' },
    ];
    const envFrom = [
      { prefix: 'MAP_', configMapRef: { name: 'conf' } },
      { prefix: 'S_', secretRef: { name: 'login', optional: true } },
      { configMapRef: { name: 'none', optional: true } },
      { secretRef: { name: 'none', optional: true } },
    ];
    const resources = { limits: { cpu: '1500m', memory: '64Mi' }, requests: { memory: '32Mi' } };
    await lab.create(
      'env',
      {
        serviceAccountName: 'worker',
        containers: [
          { name: 'main', command: ['sleep', '1000'], env, envFrom, resources },
          { name: 'other', command: ['sleep', '1000'], resources: { requests: { cpu: '20m' } } },
        ],
      },
      { labels: { app: 'env' }, annotations: { note: 'two words' } },
    );
    const pod = await lab.ready('env');
    expect(pod.spec.serviceAccount).toBe('worker');
    const found = await environment('env');
    const { allocatable } = (await lab.api.client.get(nodes, { name: NODE })).status;
    expect(Object.fromEntries(found)).toMatchObject({
      NAME: 'env',
      NAMESPACE: 'default',
      UID: pod.metadata.uid,
      LABEL: 'env',
      NOTE: 'two words',
      NO_LABEL: '',
      NODE,
      ACCOUNT: 'worker',
      HOST: '127.0.0.1',
      HOSTS: '127.0.0.1',
      IP: pod.status.podIP,
      IPS: pod.status.podIP,
      CPU: '1500',
      CPUS: '2',
      MEMORY: '64',
      REQUEST: '32',
      OTHER: '20',
      COLOUR: 'blue',
      PASSWORD: 'secret',
      REFERS: 'env blue $(LATER) $(NAME) $env $(',
      S_user: 'over',
      S_password: 'secret',
      MAP_COLOUR: 'blue',
      'MAP_a.b-c': 'odd',
    });
    expect(`${Number(found.get('NODE_MEMORY')) / 1024}Ki`).toBe(inKi(allocatable!['memory']!));
    expect(found.has('NONE') || found.has('GONE')).toBe(false);
    await lab.delete('env');
  });

  it('tells of Services, unless the pod does not want to know', async (context) => {
    showsFields(context, 'spec.enableServiceLinks');
    await lab.create('linked', { containers: [{ name: 'main', command: ['sleep', '1000'] }] });
    await lab.create('unlinked', { enableServiceLinks: false, containers: [{ name: 'main', command: ['sleep', '1000'] }] });
    await lab.ready('linked');
    await lab.ready('unlinked');
    expect(Object.fromEntries(await environment('linked'))).toMatchObject({
      MY_DB_SERVICE_HOST: '10.96.7.7',
      MY_DB_SERVICE_PORT_SQL: '5432',
      MY_DB_PORT_5432_TCP: 'tcp://10.96.7.7:5432',
      KUBERNETES_SERVICE_HOST: '10.96.0.1',
    });
    const alone = await environment('unlinked');
    expect([alone.get('KUBERNETES_SERVICE_HOST'), alone.has('MY_DB_SERVICE_HOST')]).toEqual(['10.96.0.1', false]);
    for (const name of ['linked', 'unlinked']) await lab.delete(name);
  });

  it.each<[string, EnvVar, string]>([
    ['no-map', { name: 'A', valueFrom: { configMapKeyRef: { name: 'none', key: 'a' } } }, 'configmap "none" not found'],
    ['no-key', { name: 'A', valueFrom: { configMapKeyRef: { name: 'conf', key: 'a' } } }, "couldn't find key a in ConfigMap default/conf"],
    ['no-secret', { name: 'A', valueFrom: { secretKeyRef: { name: 'none', key: 'a' } } }, 'secret "none" not found'],
    [
      'no-secret-key',
      { name: 'A', valueFrom: { secretKeyRef: { name: 'login', key: 'a' } } },
      "couldn't find key a in Secret default/login",
    ],
  ])('says what is missing: %s', async (name, variable, message) => {
    await lab.create(name, { containers: [{ name: 'main', env: [variable] }] });
    const pod = await lab.pod(name, 'it waits', (p) => why(p)?.reason === 'CreateContainerConfigError');
    expect(why(pod)?.message).toBe(message);
    expect(await lab.event(name, /Failed/)).toBe(`Failed: Error: ${message}`);
    await lab.delete(name);
  });

  it('is read from a file that an init container writes, and says what that lacks', async (context) => {
    const from = (key: string, more: object = {}) => ({ valueFrom: { fileKeyRef: { volumeName: 'v', path: 'vars', key, ...more } } });
    const volumes = [{ name: 'v', emptyDir: {} }];
    const write = `printf "# made here\nA='a b'\nB='two\nlines'\n" > /v/vars`;
    await lab.create('from-file', {
      volumes,
      initContainers: [{ name: 'writer', command: ['/bin/sh', '-c', write], volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
      containers: [
        {
          name: 'main',
          command: ['/bin/sh', '-c', 'sleep 1000'],
          env: [
            { name: 'ONE', ...from('A') },
            { name: 'OTHER', ...from('B') },
            { name: 'NONE', ...from('C', { optional: true }) },
          ],
        },
      ],
    });
    await lab.ready('from-file');
    expect(await lab.sh('from-file', 'echo "$ONE,$OTHER,$NONE"')).toBe('a b,two\nlines,\n');
    showsFields(context, 'spec.containers[].env[].valueFrom.fileKeyRef.{volumeName,path,key,optional}');
    await lab.create('from-nothing', { volumes, containers: [{ name: 'main', env: [{ name: 'A', ...from('A') }] }] });
    const pod = await lab.pod('from-nothing', 'it waits', (p) => why(p)?.reason === 'CreateContainerConfigError');
    expect(why(pod)?.message).toBe("couldn't parse env file");
    await lab.delete('from-file', 0);
    await lab.delete('from-nothing', 0);
  });
});

it('its command and arguments are the spec’s, with variables, in the working directory', async (context) => {
  showsFields(context, 'spec.containers[].{name,image,command,args,workingDir}');
  await lab.create('words', {
    containers: [
      {
        name: 'main',
        image: BUSYBOX_IMAGE,
        command: ['/bin/sh', '-c', 'echo "$0" "$1" in $(pwd) > /tmp/said; exec sleep 1000'.replace('$(pwd)', '`pwd`')],
        args: ['$(WHO)', '$$(WHO)'],
        workingDir: '/tmp',
        env: [{ name: 'WHO', value: 'me' }],
      },
    ],
  });
  await lab.ready('words');
  expect(await lab.sh('words', 'cat /tmp/said')).toBe('me $(WHO) in /tmp\n');
  await lab.delete('words');
});

/** As a node writes it, or in Ki where it writes it in more. */
function inKi(quantity: string | number): string {
  const [, amount, unit] = /^(\d+)(Ki|Mi|Gi)$/.exec(String(quantity))!;
  return `${Number(amount) * { Ki: 1, Mi: 1024, Gi: 1024 * 1024 }[unit as 'Ki' | 'Mi' | 'Gi']}Ki`;
}
