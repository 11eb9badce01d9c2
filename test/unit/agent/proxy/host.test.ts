// What the host is asked for: programs without a shell, the backend that is already in use, the settings Services need.
import { describe, expect, it } from 'vitest';
import { kubeProxyConfiguration } from '../../../../agent/config/kube-proxy-configuration.js';
import { raiseConntrackLimits } from '../../../../agent/proxy/conntrack-limits.js';
import { type Exec, ExecError, systemExec } from '../../../../agent/proxy/exec.js';
import { openIptables } from '../../../../agent/proxy/iptables.js';
import { chainName } from '../../../../agent/proxy/names.js';
import { setUpNode } from '../../../../agent/proxy/node-setup.js';
import { syncServiceRoutes } from '../../../../agent/proxy/service-routes.js';
import { requireCidr } from '../../../../src/apimachinery/cidr.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';

/** Answers programs by their command line's beginning; an Error is thrown. */
function host(answers: { readonly [command: string]: string | Error }): { exec: Exec; ran: string[] } {
  const ran: string[] = [];
  const exec: Exec = async (program, args) => {
    const line = [program, ...args].join(' ');
    ran.push(line);
    const [, answer] = Object.entries(answers).find(([command]) => line.startsWith(command)) ?? [];
    if (answer instanceof Error) throw answer;
    return answer ?? '';
  };
  return { exec, ran };
}

describe('programs', () => {
  it('get their input, and each argument as it is', async () => {
    expect(await systemExec('cat', ['-'], { stdin: 'hello\n' })).toBe('hello\n');
    expect(await systemExec('printf', ['%s|', '$(id)', 'a b; c'])).toBe('$(id)|a b; c|');
  });

  it.each([
    ['are missing', 'no-such-program', [], {}, 'no-such-program: no-such-program is not installed or not in PATH'],
    ['fail', 'ls', ['/no/such'], {}, 'ls /no/such: exit 2: ls: cannot access'],
    ['hang', 'sleep', ['60'], { timeout_ms: 50 }, 'sleep 60: timeout'],
    ['do not read their input', 'false', [], { stdin: 'x'.repeat(1_000_000) }, 'false : exit 1'],
  ])('that %s are named with the reason', async (_name, program, args, options, message) => {
    await expect(systemExec(program, args, options)).rejects.toThrow(message.replace('false :', 'false:'));
  });
});

describe('the iptables backend', () => {
  const ours = '*nat\n:KUBE-SERVICES - [0:0]\nCOMMIT\n';
  const noFile = new ExecError('cat', [], 1, 'No such file or directory', '');
  it.each([
    ['is what iptables is, where nothing is in use', { 'iptables -V': 'iptables v1.8.9 (nf_tables)' }, 'nft'],
    ['is what iptables is, where the kernel has no legacy tables', { cat: noFile, 'iptables -V': 'iptables v1.8.7 (legacy)' }, 'legacy'],
    ['is nft, where our chains are', { 'iptables-nft-save': ours, 'iptables -V': 'iptables v1.8.7 (legacy)' }, 'nft'],
    [
      'is legacy, where legacy tables hold our chains',
      { cat: 'nat\n', 'iptables-legacy-save': ours, 'iptables -V': '(nf_tables)' },
      'legacy',
    ],
    ['is legacy, where the machine has its rules there', { cat: 'filter\n', 'iptables-legacy-save': '\n-A INPUT -j ACCEPT\n' }, 'legacy'],
    ['is nft, where legacy tables stand empty', { cat: 'filter\n', 'iptables-nft-save': '\n-A INPUT -j ACCEPT\n' }, 'nft'],
  ])('%s', async (_name, answers, backend) => {
    const { exec } = host(answers);
    expect((await openIptables({ exec, log: silentLogger })).backend).toBe(backend);
  });

  it('is never asked of the legacy programs where no legacy tables are: asking would create them', async () => {
    const { exec, ran } = host({ 'iptables -V': '(nf_tables)' });
    await openIptables({ exec, log: silentLogger });
    expect(ran.filter((line) => line.includes('legacy'))).toEqual([]);
  });
});

describe('chain names', () => {
  it("are upstream's", () => {
    expect(chainName('SVC', 'default/kubernetes:https', 'tcp')).toBe('KUBE-SVC-NPX46M4PTMTKRN6Y');
    expect(chainName('SVC', 'kube-system/kube-dns:dns', 'udp')).toBe('KUBE-SVC-TCOU7JCQXEZGVUNU');
    expect(chainName('SVC', 'kube-system/kube-dns:dns-tcp', 'tcp')).toBe('KUBE-SVC-ERIFXISQEP7F7OF4');
  });
});

describe('setting up a node', () => {
  function kernel(settings: { [path: string]: string }) {
    return {
      settings,
      read: async (path: string) => settings[path],
      write: async (path: string, value: string) => {
        settings[path] = value;
      },
    };
  }
  const all = () =>
    kernel({ 'net/ipv4/ip_forward': '0', 'net/ipv4/conf/all/route_localnet': '0', 'net/bridge/bridge-nf-call-iptables': '0' });
  const options = { localhostNodePorts: true, log: silentLogger };

  it('turns on forwarding, and lets in what 127.0.0.1 needs only where that is served', async () => {
    const sysctls = all();
    await setUpNode({ ...options, exec: host({}).exec, sysctls });
    expect(Object.values(sysctls.settings)).toEqual(['1', '1', '1']);
    const closed = all();
    await setUpNode({ ...options, localhostNodePorts: false, exec: host({}).exec, sysctls: closed });
    expect(closed.settings['net/ipv4/conf/all/route_localnet']).toBe('0');
  });

  it('raises what connection tracking holds and for how long, and lowers nothing', async () => {
    const prefix = 'net/netfilter/nf_conntrack_';
    const [max, buckets] = [`${prefix}max`, `${prefix}buckets`];
    const [established, closeWait] = [`${prefix}tcp_timeout_established`, `${prefix}tcp_timeout_close_wait`];
    const sysctls = kernel({ [max]: '65536', [buckets]: '16384', [established]: '432000', [closeWait]: '60' });
    const settings = kubeProxyConfiguration.initial.conntrack;
    await raiseConntrackLimits({ sysctls, settings, cores: 2, log: silentLogger });
    expect(sysctls.settings).toEqual({ [max]: '131072', [buckets]: '32768', [established]: '432000', [closeWait]: '3600' });
    await raiseConntrackLimits({ sysctls, settings, cores: 64, log: silentLogger });
    expect(sysctls.settings[max]).toBe(String(64 * 32_768));
    const left = kernel({ [max]: '65536' });
    await raiseConntrackLimits({ sysctls: left, settings: { ...settings, maxPerCore: 0 }, cores: 2, log: silentLogger });
    expect(left.settings).toEqual({ [max]: '65536' });
    const refusing = { ...kernel({ [max]: '65536' }), write: () => Promise.reject(new Error('read-only file system')) };
    await raiseConntrackLimits({ sysctls: refusing, settings, cores: 2, log: silentLogger });
  });

  it('says what to do where the kernel lacks bridge netfilter', async () => {
    const { exec } = host({ modprobe: new ExecError('modprobe', ['br_netfilter'], 1, 'Module br_netfilter not found', '') });
    const sysctls = kernel({ 'net/ipv4/ip_forward': '1', 'net/ipv4/conf/all/route_localnet': '1' });
    await expect(setUpNode({ ...options, exec, sysctls })).rejects.toThrow('br_netfilter is needed and could not be loaded: run modprobe');
  });
});

describe('routes for cluster IPs', () => {
  const addresses = JSON.stringify([{ ifname: 'eth0', addr_info: [{ local: '192.168.1.10' }] }]);
  const unreachable = new ExecError('ip', [], 2, 'RTNETLINK answers: Network is unreachable', '');
  const sync = (answers: { readonly [command: string]: string | Error }, ...cidrs: string[]) => {
    const { exec, ran } = host(answers);
    return syncServiceRoutes(cidrs.map(requireCidr), { exec, nodeIp: '192.168.1.10', log: silentLogger }).then(() => ran);
  };

  it('are added for the ranges that no route leads to', async () => {
    const ran = await sync({ 'ip route get 172.20': unreachable, 'ip -json -4 address': addresses }, '10.96.0.0/12', '172.20.0.0/16');
    expect(ran.filter((line) => line.startsWith('ip route replace'))).toEqual([
      'ip route replace 172.20.0.0/16 dev eth0 src 192.168.1.10 scope link proto 77',
    ]);
  });

  it('are left as they are while their range is there, and go with it', async () => {
    const ran = await sync({ 'ip -json -4 route': '[{"dst":"172.20.0.0/16"},{"dst":"172.21.0.0/16"}]' }, '172.20.0.0/16');
    expect(ran.slice(1)).toEqual(['ip route del 172.21.0.0/16 proto 77']);
  });

  it('cannot be had where the node address is nobody’s', async () => {
    const answers = { 'ip route get': unreachable, 'ip -json -4 address': '[]' };
    await expect(sync(answers, '10.96.0.0/12')).rejects.toThrow('no interface of this machine has the node');
  });
});
