// A pod's names, hosts, name servers and host ports, as its processes and those who reach it see them.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { showsFields } from '../../suites/pod-spec.js';
import { until } from './engine-lab.js';
import type { KubeletLab } from './kubelet-lab.js';
import { sleeping, type Wish } from './sleeping-pod.js';
import { withLab } from './with-lab.js';

let lab: KubeletLab;

withLab((started) => {
  lab = started;
});

const create = (name: string, wish: Wish) => lab.create(name, sleeping(wish));

async function running(name: string, wish: Wish): Promise<Pod> {
  await create(name, wish);
  return lab.ready(name);
}

describe('its name', () => {
  it('is its own, a host name and a subdomain, or all of that together', async (context) => {
    showsFields(context, 'spec.{hostname,subdomain,setHostnameAsFQDN,hostnameOverride}');
    await running('plain', {});
    const pod = await running('given', { hostname: 'db-0', subdomain: 'db' });
    await running('full', { hostname: 'db-1', subdomain: 'db', setHostnameAsFQDN: true });
    await running('override', { hostname: 'x', subdomain: 'db', hostnameOverride: 'other.example' });
    expect(await lab.sh('plain', 'hostname; cat /etc/hostname')).toBe('plain\nplain\n');
    expect(await lab.sh('given', 'hostname')).toBe('db-0\n');
    expect(await lab.sh('given', 'cat /etc/hosts')).toContain(`${pod.status.podIP}\tdb-0.db.default.svc.cluster.local\tdb-0\n`);
    expect(await lab.sh('full', 'hostname')).toBe('db-1.db.default.svc.cluster.local\n');
    const override = await lab.get('override');
    expect(await lab.sh('override', 'hostname; cat /etc/hosts')).toMatch(
      new RegExp(`^other\\.example\n[\\s\\S]*\n${override.status.podIP}\tother\\.example\n$`),
    );
    for (const name of ['plain', 'given', 'full', 'override']) await lab.delete(name);
  });

  it('must fit into the kernel', async () => {
    const [hostname, subdomain] = ['a'.repeat(40), 'b'.repeat(20)];
    await create('long', { hostname, subdomain, setHostnameAsFQDN: true });
    expect(await lab.event('long', /FailedCreatePodSandBox/)).toContain(
      `FQDN ${hostname}.${subdomain}.default.svc.cluster.local is too long (64 characters is the max, 87 characters requested)`,
    );
    await lab.delete('long');
  });
});

it('that there is no network for waits until there is', async () => {
  const broken = join(lab.engine.cniConf, '00-broken.conf');
  writeFileSync(broken, '{');
  await create('unwired', {});
  await lab.event(
    'unwired',
    /^NetworkNotReady: network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:/,
  );
  rmSync(broken);
  await lab.ready('unwired');
  await lab.delete('unwired');
});

it('its hosts file has the aliases that it asks for', async (context) => {
  showsFields(context, 'spec.hostAliases[].{ip,hostnames}');
  const hostAliases = [{ ip: '192.0.2.7', hostnames: ['one.example', 'two.example'] }];
  await running('aliased', { hostAliases });
  expect(await lab.sh('aliased', 'cat /etc/hosts')).toMatch(
    /^# Kubernetes-managed hosts file\.\n[\s\S]*\n192\.0\.2\.7\tone\.example\ttwo\.example\n$/,
  );
  await running('aliased-host', { hostAliases, hostNetwork: true });
  expect(await lab.sh('aliased-host', 'cat /etc/hosts')).toContain('192.0.2.7\tone.example\ttwo.example\n');
  for (const name of ['aliased', 'aliased-host']) await lab.delete(name);
});

it('its name servers come from its policy and its own settings', async (context) => {
  showsFields(context, 'spec.dnsPolicy', 'spec.dnsConfig.{nameservers,searches,options[].name,options[].value}');
  const dnsConfig = {
    nameservers: ['192.0.2.1'],
    searches: ['own.example'],
    options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
  };
  const own = 'nameserver 192.0.2.1';
  const node = 'search lab.example\nnameserver 192.0.2.53\n';
  const cluster = 'search default.svc.cluster.local svc.cluster.local cluster.local lab.example\nnameserver 10.96.0.10\noptions ndots:5\n';
  await running('dns-none', { dnsPolicy: 'None', dnsConfig });
  await running('dns-node', { dnsPolicy: 'Default' });
  await running('dns-first', { dnsPolicy: 'ClusterFirst', dnsConfig });
  await running('dns-host', { hostNetwork: true });
  await running('dns-host-first', { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' });
  const resolvConf = (name: string) => lab.sh(name, 'cat /etc/resolv.conf');
  expect(await resolvConf('dns-none')).toBe(`search own.example\n${own}\noptions ndots:2 edns0\n`);
  expect(await resolvConf('dns-node')).toBe(node);
  expect(await resolvConf('dns-first')).toBe(
    `search default.svc.cluster.local svc.cluster.local cluster.local lab.example own.example\nnameserver 10.96.0.10\n${own}\noptions ndots:2 edns0\n`,
  );
  expect(await resolvConf('dns-host')).toBe(node);
  expect(await resolvConf('dns-host-first')).toBe(cluster);
  for (const name of ['dns-none', 'dns-node', 'dns-first', 'dns-host', 'dns-host-first']) await lab.delete(name);
});

it('name servers that are more than a resolver reads are left out, and its owner is told', async () => {
  await running('dns-many', { dnsPolicy: 'ClusterFirst', dnsConfig: { nameservers: ['192.0.2.1', '192.0.2.2', '192.0.2.3'] } });
  expect(await lab.event('dns-many', /DNSConfigForming/)).toBe(
    'DNSConfigForming: Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 192.0.2.1 192.0.2.2',
  );
  await lab.delete('dns-many');
});

it('its host ports lead to it, on the address that they name', async (context) => {
  showsFields(context, 'spec.containers[].ports[].{name,containerPort,hostPort,hostIP,protocol}');
  const answers = 'echo tcp > /tmp/index.html; httpd -p 8080 -h /tmp; while :; do nc -u -l -p 5353 -e /bin/echo udp; done';
  const pod = await running('ported', {
    container: {
      command: ['/bin/sh', '-c', answers],
      ports: [
        { name: 'web', containerPort: 8080, hostPort: 18080 },
        { containerPort: 8080, hostPort: 18081, hostIP: '10.254.9.1', protocol: 'TCP' },
        { containerPort: 8080, hostPort: 18082, hostIP: '192.0.2.99' },
        { name: 'dns', containerPort: 5353, hostPort: 15353, protocol: 'UDP' },
      ],
    },
  });
  const get = (address: string) => {
    try {
      return lab.engine.run('curl', ['-sS', '--max-time', '2', `http://${address}/index.html`]).trim();
    } catch {
      return 'nothing';
    }
  };
  await until('it serves', () => get(`${pod.status.podIP}:8080`) === 'tcp');
  expect([get('10.254.9.1:18080'), get('10.254.9.1:18081'), get('10.254.9.1:18082')]).toEqual(['tcp', 'tcp', 'nothing']);
  expect(lab.engine.run('iptables', ['-t', 'nat', '-S'])).toMatch(/-p udp .*--dport 15353 -j DNAT --to-destination 10\.254\.9\.\d+:5353/);
  await lab.delete('ported');
  expect(get('10.254.9.1:18080')).toBe('nothing');
});
