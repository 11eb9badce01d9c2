// Many pods created and deleted while all kinds of things go wrong: two minutes after the last is gone, nothing of any is left on the node.
// How many pods: PORTHOLE_LEAK_PODS (500 with `npm run test:leaks`).
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pods } from '../../../src/kinds/core/pod.js';
import { until } from './engine-lab.js';
import { KubeletLab } from './kubelet-lab.js';

const PODS = Number(process.env['PORTHOLE_LEAK_PODS'] ?? 20);
const AT_ONCE = 10;
const LEFT_MS = 120_000;
const POD_MS = 6_000;

let lab: KubeletLab;

beforeAll(async () => {
  lab = await KubeletLab.start({ runtimeRequestTimeout: '5s' });
}, 120_000);

afterAll(async () => {
  await lab?.stop();
}, 120_000);

/** What can go wrong while pods come and go; each leaves things as they were. */
const FAULTS: readonly (() => Promise<void>)[] = [
  async () => {
    await lab.engine.killEngine();
    await lab.engine.restartEngine();
  },
  async () => {
    await lab.stopKubelet();
    await lab.startKubelet();
  },
  async () => {
    lab.engine.hangEngine();
    await until('the node notices', async () => (await lab.nodeCondition('Ready')) === 'False', 60_000);
    lab.engine.wakeEngine();
  },
  async () => {
    const ids = lab.engine.docker('ps', '-aq').split('\n').filter(Boolean);
    // Half of them, sandboxes and containers alike, in whatever state they are.
    for (const id of ids.filter((_, i) => i % 2 === 0)) {
      try {
        lab.engine.docker('rm', '-f', id);
      } catch (error) {
        // It went meanwhile, or somebody else is removing it.
        if (!/No such container|already in progress/.test(String(error))) throw error;
      }
    }
  },
];

const SPECS: readonly ((i: number) => Parameters<KubeletLab['create']>[1])[] = [
  () => ({ containers: [{ name: 'main', command: ['/bin/sh', '-c', 'sleep 1000'] }] }),
  () => ({ restartPolicy: 'Never', containers: [{ name: 'main', command: ['/bin/true'] }] }),
  (i) => ({
    volumes: [{ name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }],
    containers: [
      {
        name: 'main',
        command: ['/bin/sh', '-c', 'sleep 1000'],
        ports: [{ containerPort: 80, hostPort: 20_000 + i }],
        resources: { requests: { cpu: '1m' }, limits: { memory: '16Mi' } },
        volumeMounts: [{ name: 'memory', mountPath: '/memory' }],
      },
      { name: 'dies', command: ['/bin/false'] },
    ],
  }),
  () => ({ containers: [{ name: 'main', image: 'lab/none:1', imagePullPolicy: 'Never' }] }),
];

async function live(i: number): Promise<void> {
  const name = `leak-${i}`;
  await lab.create(name, SPECS[i % SPECS.length]!(i));
  // Some are deleted while they start.
  if (i % 3 !== 0) await until(`${name} was looked at`, async () => (await lab.get(name)).status.startTime !== undefined, 60_000);
  await lab.api.client.delete(pods, { namespace: 'default', name }, i % 5 === 0 ? { gracePeriodSeconds: 0 } : {});
  const isGone = async () => !(await lab.find(name));
  await until(`${name} is gone`, isGone, 120_000).catch(async (error: Error) => {
    throw new Error(`${error.message}\n${await lab.diagnosis(name)}`);
  });
}

/** All that a pod can leave behind, by kind. */
function leftovers(): { readonly [kind: string]: readonly string[] } {
  const { engine, rootDirectory } = lab;
  const list = (directory: string) => (existsSync(directory) ? readdirSync(directory) : []);
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  const groups = readdirSync('/sys/fs/cgroup').flatMap((controller) =>
    ['', 'burstable', 'besteffort'].flatMap((qos) =>
      list(join('/sys/fs/cgroup', controller, engine.netns, 'kubepods', qos)).filter((each) => each.startsWith('pod')),
    ),
  );
  return {
    containers: engine.docker('ps', '-aq').split('\n').filter(Boolean),
    podDirectories: list(join(rootDirectory, 'pods')),
    // An engine that is killed while it makes a container leaves the first layer of that mounted: no container of its own has it, nor can.
    mounts: mounts.filter(
      (path) => path.startsWith(`${engine.directory}/`) && /pods|netns|overlay2|containers/.test(path) && !path.endsWith('-init/merged'),
    ),
    cgroups: [...new Set(groups)],
    addresses: list(join(rootDirectory, 'cni/networks')).flatMap((network) =>
      list(join(rootDirectory, 'cni/networks', network)).filter((file) => /^\d+\.\d+\.\d+\.\d+$/.test(file)),
    ),
    attachments: list(join(rootDirectory, 'cni/results')),
    interfaces: engine.run('ip', ['-o', 'link', 'show', 'type', 'veth']).split('\n').filter(Boolean),
    hostPorts: engine
      .run('iptables-save', ['-t', 'nat'])
      .split('\n')
      .filter((line) => /dports? 20\d\d\d/.test(line)),
  };
}

it(`leaves nothing of ${PODS} pods`, { timeout: 300_000 + PODS * POD_MS }, async () => {
  const before = Object.fromEntries(Object.keys(leftovers()).map((kind) => [kind, []]));
  let next = 0;
  const line = async () => {
    while (next < PODS) await live(next++);
  };
  // Evenly over the pods' time, at least once each.
  const count = FAULTS.length * Math.max(1, Math.round(PODS / 100));
  let failed = false;
  const faults = async () => {
    for (let i = 0; i < count; i++) {
      await until('its turn', () => failed || next >= ((i + 1) * PODS) / (count + 1), PODS * POD_MS);
      if (failed) return;
      await FAULTS[i % FAULTS.length]!();
    }
  };
  const all = [...Array.from({ length: AT_ONCE }, line), faults()];
  await Promise.all(all).catch(async (error: unknown) => {
    failed = true;
    next = PODS;
    // None goes on while the lab is taken down.
    await Promise.allSettled(all);
    throw error;
  });
  let left = leftovers();
  await until('nothing is left', () => (left = leftovers()) && Object.values(left).every((kind) => kind.length === 0), LEFT_MS).catch(
    () => undefined,
  );
  expect(left).toEqual(before);
});
