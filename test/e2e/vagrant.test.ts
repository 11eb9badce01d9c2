// The Vagrantfile: what it defines, and what `vagrant up` makes of fresh machines with it: a server and workers that have joined it.
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type Ran, run } from './lab.js';
import { closeLab, dockerSocket, httpFromLaptop, machine, on, openLab, prepareMachines, unitLog, vagrant } from './vagrant-lab.js';

const ADMIN = '/var/lib/porthole/server/admin.kubeconfig';
const SYSTEM_UNITS = '/etc/systemd/system';
const WORKERS = [
  { name: 'worker-1', address: '192.168.56.11' },
  { name: 'worker-2', address: '192.168.56.12' },
] as const;

beforeAll(openLab);
afterAll(closeLab);

describe('the Vagrantfile', () => {
  it('is valid', async () => {
    expect(await vagrant(['validate'])).toMatchObject({ code: 0, stdout: 'Vagrantfile validated successfully.\n' });
  });

  it.each([
    [undefined, ['server', 'worker-1', 'worker-2']],
    ['1', ['server', 'worker-1']],
    ['3', ['server', 'worker-1', 'worker-2', 'worker-3']],
  ])('with WORKERS=%s defines %j', async (WORKERS, machines) => {
    const { stdout } = await vagrant(['status', '--machine-readable'], { WORKERS });
    expect([...stdout.matchAll(/^\d+,([^,]+),state,not_created$/gm)].map(([, name]) => name)).toEqual(machines);
  });

  it.each(['many', '-1', '21'])('refuses WORKERS=%s in one line', async (WORKERS) => {
    expect(await vagrant(['validate'], { WORKERS })).toEqual({ code: 1, stdout: '', stderr: 'WORKERS must be a number from 0 to 20\n' });
  });
});

describe('vagrant up on fresh machines', () => {
  let alone: Ran;
  let up: Ran;
  const kubectl = (...args: string[]) => on('server', 'porthole', 'kubectl', '--kubeconfig', ADMIN, ...args);
  const tokens = async () => (await on('server', 'porthole', 'token', 'list')).split('\n').filter((line) => line.endsWith('vagrant up'));

  beforeAll(async () => {
    await prepareMachines();
    alone = await vagrant(['up', 'worker-2', '--provider=lab']);
    await vagrant(['destroy', '--force', 'worker-2']);
    up = await vagrant(['up', '--provider=lab']);
    if (up.code !== 0) throw new Error(`vagrant up: exit ${up.code}: ${up.stderr}\n${up.stdout.split('\n').slice(-30).join('\n')}`);
    // Without systemd, what the set-up has enabled starts when the machine does.
    for (const { name } of WORKERS) expect(await machine('boot', name)).toMatchObject({ code: 0 });
  });

  it('refuses a worker without a server in a line that says what to do', () => {
    expect(alone.code).toBe(1);
    expect(alone.stderr).toBe('the server is not up: run `vagrant up server` first\n');
  });

  it('sets up the server, then each worker', () => {
    const order = [...up.stdout.matchAll(/porthole: systemd does not run here: (porthole-\w+)/g)].map(([, unit]) => unit);
    expect(order).toEqual(['porthole-server', 'porthole-agent', 'porthole-agent']);
  });

  it('does not show a token', async () => {
    const unit = await on('worker-1', 'cat', `${SYSTEM_UNITS}/porthole-agent.service`);
    const [, token] = /--token (\S+)/.exec(unit)!;
    expect(up.stdout + up.stderr).not.toContain(token);
  });

  it('installs a unit for the server that starts at boot', async () => {
    expect(await on('server', 'cat', `${SYSTEM_UNITS}/porthole-server.service`)).toContain(
      'ExecStart=/usr/local/bin/porthole server --advertise-address 192.168.56.10\n',
    );
    expect(await on('server', 'systemctl', 'is-enabled', 'porthole-server.service')).toBe('enabled\n');
    await on('server', 'systemd-analyze', 'verify', `${SYSTEM_UNITS}/porthole-server.service`);
  });

  it('installs a unit for each worker that starts at boot after Docker, readable by root alone for its token', async () => {
    for (const { name } of WORKERS) {
      const unit = await on(name, 'cat', `${SYSTEM_UNITS}/porthole-agent.service`);
      expect(unit).toMatch(
        /^ExecStart=\S+\/porthole agent --server https:\/\/192.168.56.10:6443 --token [a-z0-9]{6}\.[a-z0-9]{16}:[0-9a-f]{64}$/m,
      );
      expect(unit).toMatch(/^After=.*docker.service/m);
      expect(await on(name, 'stat', '--format=%a %U', `${SYSTEM_UNITS}/porthole-agent.service`)).toBe('600 root\n');
      expect(await on(name, 'systemctl', 'is-enabled', 'porthole-agent.service', 'docker.service')).toBe('enabled\nenabled\n');
      await on(name, 'systemd-analyze', 'verify', `${SYSTEM_UNITS}/porthole-agent.service`);
    }
  });

  it('makes each worker a Ready node by its address on the private network', async () => {
    const logs = () => Promise.all(WORKERS.map(({ name }) => unitLog(name, 'porthole-agent.service')));
    await eventually('the workers Ready', async () => {
      const fields = '{.metadata.name} {.status.conditions[?(@.type=="Ready")].status} {.status.addresses[0].address}';
      const nodes = await kubectl('get', 'nodes', '-o', `jsonpath={range .items[*]}${fields};{end}`);
      return nodes === WORKERS.map(({ name, address }) => `${name} True ${address};`).join('');
    }).catch(async (error) => expect.fail(`${error}\n${(await logs()).join('\n')}`));
  });

  it('lets the laptop reach an app through a NodePort on each worker', async () => {
    const archive = (await run('sh', ['test/images/build.sh'])).stdout.trim();
    for (const { name } of WORKERS) {
      const engine = new Docker({ socketPath: await dockerSocket(name) });
      const loading = await engine.loadImage(archive);
      await new Promise((resolve, reject) => engine.modem.followProgress(loading, (error) => (error ? reject(error) : resolve(undefined))));
    }
    await kubectl('create', 'deployment', 'nginx', '--image=nginx:1.27');
    await kubectl('create', 'service', 'nodeport', 'nginx', '--tcp=80', '--node-port=30080');
    for (const { address } of WORKERS) {
      await eventually(`nginx on ${address}`, async () => (await httpFromLaptop(`http://${address}:30080/`)) === 200);
    }
    await kubectl('delete', 'service,deployment', 'nginx', '--wait=true', '--cascade=foreground');
  });

  it('run again, does nothing twice', async () => {
    const before = await tokens();
    expect(before).toHaveLength(WORKERS.length);
    const again = await vagrant(['up', '--provider=lab']);
    expect(again.code, again.stderr).toBe(0);
    expect(again.stdout).not.toMatch(/installing|building/);
    await eventually('the server', tokens);
    expect(await tokens()).toEqual(before);
  });
});
