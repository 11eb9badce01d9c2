// `npm run stop` keeps the data, and the next start finds the same objects and pods.
import { describe, expect, it } from 'vitest';
import { CLUSTER_FLAGS, http, kubectl, layout, pods, readyPods, run, setup, UP_FLAGS } from '../e2e/lab.js';

describe('npm run stop and npm start', () => {
  it('stops every process, and starts again with the same objects and pods', async () => {
    await kubectl('create', 'configmap', 'kept', '--from-literal=is=here');
    const before = (await readyPods('app=nginx', 3)).map((p) => `${p.metadata.uid} ${p.spec.nodeName}`).sort();
    expect((await setup('stop', '--cluster', layout.name)).code).toBe(0);
    expect((await run('sh', ['-c', `ps -eo args | grep -E '[/]${layout.name}/(node-|control-plane)'`])).stdout).toBe('');
    const up = await setup('up', ...UP_FLAGS, ...CLUSTER_FLAGS);
    expect(up.code, up.stderr).toBe(0);
    expect(await kubectl('get', 'configmap', 'kept', '-o', 'jsonpath={.data.is}')).toBe('here');
    expect((await readyPods('app=nginx', 3)).map((p) => `${p.metadata.uid} ${p.spec.nodeName}`).sort()).toEqual(before);
    for (const { address } of layout.nodeList) expect((await http(`http://${address}:30080/`)).status).toBe(200);
    expect((await pods('-A')).every((p) => p.status.phase === 'Running')).toBe(true);
    await kubectl('delete', 'configmap', 'kept');
  });
});
