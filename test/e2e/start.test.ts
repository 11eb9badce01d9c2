// What a newcomer sees of `npm start`: the table, the answers, the kubeconfig; and a second start beside the first.
import { readFile, stat } from 'node:fs/promises';
import { describe, expect, inject, it } from 'vitest';
import { findKubectl } from '../../src/cluster/local/kubectl.js';
import { http, layout, run, setup, UP_FLAGS } from './lab.js';
import { KUBECONFIG_BEFORE } from './setup.js';

describe('npm start', () => {
  const up = inject('up');
  const kubeconfig = `${inject('home')}/.kube/config`;

  it('exits 0 after every way to nginx has answered', () => {
    expect(up.code, up.stderr).toBe(0);
    for (const { name, address } of layout.nodeList) {
      expect(up.stdout).toMatch(new RegExp(`${name}.*Ready`));
      expect(up.stdout).toContain(`http://${address}:30080/`);
    }
    expect(up.stdout.match(/\b200\b/g)!.length).toBeGreaterThanOrEqual(5);
    expect(up.stdout).toContain('http://nginx/');
    expect(up.stdout).toMatch(/kubectl --context e2e get pods/);
    expect(up.stdout).toMatch(/npm run stop/);
  });

  it('leaves nginx answering on every node, from one pod on each', async () => {
    for (const { address } of layout.nodeList) expect((await http(`http://${address}:30080/`)).status).toBe(200);
    const placed = [...up.stdout.matchAll(/nginx-\S+ │ Running │ (node-\d)/g)].map((match) => match[1]);
    expect(placed.sort()).toEqual(['node-1', 'node-2', 'node-3']);
  });

  it('gives the person a context, mode 0600, and changes nothing else in the file', async () => {
    expect((await stat(kubeconfig)).mode & 0o777).toBe(0o600);
    const merged = await readFile(kubeconfig, 'utf8');
    for (const line of KUBECONFIG_BEFORE.split('\n').filter((l) => l && !l.startsWith('current-context'))) expect(merged).toContain(line);
    const { code, stdout } = await run(await findKubectl(), [
      '--kubeconfig',
      kubeconfig,
      '--context',
      layout.name,
      'get',
      'nodes',
      '-o',
      'name',
    ]);
    expect([code, stdout]).toEqual([0, 'node/node-1\nnode/node-2\nnode/node-3\n']);
  });

  it('runs the real kubectl by `porthole kubectl`', async () => {
    const { stdout } = await run('bin/porthole', ['kubectl', '--cluster', layout.name, 'get', 'nodes', '--no-headers']);
    expect(stdout.match(/ Ready /g)).toHaveLength(3);
  });

  it('refuses a second start beside the first in one line that says what to do', async () => {
    const second = await setup('up', ...UP_FLAGS);
    expect(second.code).toBe(1);
    expect(second.stderr.trim().split('\n')).toHaveLength(1);
    expect(second.stderr).toMatch(/already running.*stop/);
  });

  it('refuses a port that is in use, naming it, and starts nothing', async () => {
    const other = await setup(
      'up',
      '--cluster',
      'e2e-other',
      '--subnet',
      '192.168.244.0/24',
      '--port',
      String(layout.port),
      '--no-kubeconfig',
    );
    expect(other.code).toBe(1);
    expect(other.stderr.trim().split('\n').at(-1)).toMatch(new RegExp(`port ${layout.port}.*in use`));
    expect((await run('ip', ['netns', 'list'])).stdout).not.toContain('e2e-other');
  });

  it('needs root, and says so', async () => {
    const { code, stderr } = await run('setpriv', [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      process.execPath,
      'dist/main.js',
      'up',
      ...UP_FLAGS,
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/root/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
