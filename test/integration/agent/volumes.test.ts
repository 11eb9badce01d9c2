// A pod's volumes on a real engine: what containers find in them, what they cannot reach through them, and that nothing stays behind.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imagesMounted } from '../../../agent/volumes/image.js';
import type { Draft } from '../../../src/apimachinery/json.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { persistentVolumes } from '../../../src/kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../../../src/kinds/core/persistentvolumeclaim.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { secrets } from '../../../src/kinds/core/secret.js';
import { serviceAccounts } from '../../../src/kinds/core/serviceaccount.js';
import type { Container, PersistentVolume, Pod, PodSpec, Volume, VolumeMount } from '../../../src/kinds/types/core_v1.js';
import { refusesFields, showsFields } from '../../suites/pod-spec.js';
import { BUSYBOX_IMAGE, until } from './engine-lab.js';
import type { KubeletLab } from './kubelet-lab.js';
import { withLab } from './with-lab.js';

let lab: KubeletLab;
/** A folder of the node. */
let host: string;

withLab((started) => {
  lab = started;
  host = join(lab.engine.directory, 'host');
  mkdirSync(host);
});

const NAMESPACE = 'default';

interface Wish extends Omit<Draft<PodSpec>, 'containers'> {
  readonly mounts?: readonly VolumeMount[];
  /** More of its one container. */
  readonly container?: Draft<Container>;
}

const create = (name: string, { mounts = [], container = {}, ...spec }: Wish, metadata: Draft<Pod['metadata']> = {}) =>
  lab.create(name, { ...spec, containers: [{ name: 'main', command: ['sleep', '1000'], volumeMounts: mounts, ...container }] }, metadata);

/** A pod with one container, once it is ready. */
async function running(name: string, wish: Wish, metadata: Draft<Pod['metadata']> = {}): Promise<Pod> {
  await create(name, wish, metadata);
  return lab.ready(name);
}

/** Why its only container waits. */
async function waits(name: string): Promise<string> {
  const why = (pod: Pod) => pod.status.containerStatuses?.[0]?.state.waiting;
  const pod = await lab.pod(name, 'it cannot be made', (p) => why(p)?.reason === 'CreateContainerConfigError');
  return why(pod)?.message ?? '';
}

const mountsOf = (directory: string) =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(directory));

const restarted = (name: string) =>
  lab.pod(name, 'it runs again', ({ status }) => status.containerStatuses?.[0]?.restartCount === 1 && status.containerStatuses[0].ready);
const kill = (pod: Pod) => lab.engine.docker('kill', pod.status.containerStatuses![0]!.containerID!.slice('docker://'.length));

describe('emptyDir', () => {
  it('is a directory that anybody may write, shared by the containers of its pod and gone with it', async (context) => {
    showsFields(context, 'spec.volumes[].{name,emptyDir.medium}', 'spec.containers[].volumeMounts[].{name,mountPath}');
    const pod = await running('empty', {
      volumes: [
        { name: 'disk', emptyDir: {} },
        { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '3Mi' } },
      ],
      mounts: [
        { name: 'disk', mountPath: '/disk' },
        { name: 'memory', mountPath: 'memory' },
      ],
      securityContext: { runAsUser: 1234 },
    });
    expect(await lab.sh('empty', 'touch /disk/a /memory/a; ls -ld /disk /memory')).toMatch(/^drwxrwxrwx.*\ndrwxrwxrwx/);
    expect(await lab.sh('empty', 'cat /proc/mounts')).toMatch(/^tmpfs \/memory tmpfs .*size=3072k/m);
    expect(await lab.sh('empty', 'cat /dev/zero > /memory/full 2>&1; ls -l /memory/full')).toContain(' 3145728 ');
    await lab.delete('empty');
    expect(mountsOf(pod.metadata.uid)).toEqual([]);
    expect(lab.hasDirectory(pod)).toBe(false);
  });

  it('keeps what its containers made of it over their restarts', async () => {
    const pod = await running('kept', { volumes: [{ name: 'v', emptyDir: {} }], mounts: [{ name: 'v', mountPath: '/v' }] });
    await lab.sh('kept', 'mkdir /v/mine; echo 1 > /v/mine/file; rm -rf /v/other');
    kill(pod);
    await restarted('kept');
    expect(await lab.sh('kept', 'cat /v/mine/file')).toBe('1\n');
  });
});

describe('hostPath', () => {
  it('is what its type says, or made to be', async (context) => {
    showsFields(context, 'spec.volumes[].hostPath.{path,type}', 'spec.containers[].volumeMounts[].readOnly');
    const socket = createServer().listen(join(host, 'socket'));
    writeFileSync(join(host, 'file'), 'of the host');
    const of = (name: string, type: string, path = join(host, name)) => ({ name, hostPath: { path, type } });
    const volumes = [
      of('any', '', host),
      of('file', 'File'),
      of('socket', 'Socket'),
      of('device', 'CharDevice', '/dev/null'),
      of('made', 'DirectoryOrCreate', join(host, 'deep/made')),
      of('born', 'FileOrCreate'),
      of('unchecked', ''),
    ];
    const mounts = volumes.map(({ name }) => ({ name, mountPath: `/in/${name}`, ...(name === 'any' ? { readOnly: true } : {}) }));
    await running('host-paths', { volumes, mounts });
    expect(await lab.sh('host-paths', 'cat /in/file; echo here > /in/made/new; touch /in/any/x 2>&1 || true')).toMatch(
      /^of the hosttouch: .*Read-only file system/,
    );
    expect(readFileSync(join(host, 'deep/made/new'), 'utf8')).toBe('here\n');
    await lab.delete('host-paths');
    expect(readFileSync(join(host, 'file'), 'utf8')).toBe('of the host');
    socket.close();
  });

  it.each([
    ['Directory', 'no-such-directory', 'a directory'],
    ['File', 'no-such-file', 'a file'],
    ['Socket', 'plain', 'a socket file'],
    ['CharDevice', 'plain', 'a character device'],
    ['BlockDevice', 'plain', 'a block device'],
  ])('of type %s says what %s is not', async (type, name, what) => {
    writeFileSync(join(host, 'plain'), '');
    const pod = `not-${type.toLowerCase()}`;
    await create(pod, { volumes: [{ name: 'v', hostPath: { path: join(host, name), type } }] });
    expect(await lab.event(pod, /FailedMount/)).toBe(
      `FailedMount: MountVolume.SetUp failed for volume "v" : hostPath type check failed: ${join(host, name)} is not ${what}`,
    );
    await lab.delete(pod);
  });
});

const modeAndName = (line: string) => `${line.slice(0, 10)} ${line.split(' ').at(-1)}`;

describe('files from the API', () => {
  const metadata = (name: string) => ({ name, namespace: NAMESPACE });
  const fieldRef = (fieldPath: string) => ({ apiVersion: 'v1', fieldPath });

  it('are the keys and fields asked for, in their modes, and follow the API all at once', async (context) => {
    showsFields(
      context,
      'spec.volumes[].configMap.{name,defaultMode,optional,items[].key,items[].path,items[].mode}',
      'spec.volumes[].secret.{secretName,defaultMode,optional,items[].key,items[].path,items[].mode}',
      'spec.volumes[].downwardAPI.{defaultMode,items[].path,items[].mode,items[].fieldRef.apiVersion,items[].fieldRef.fieldPath}',
      'spec.volumes[].downwardAPI.items[].resourceFieldRef.{containerName,resource,divisor}',
    );
    const { client } = lab.api;
    await client.create(configMaps, { metadata: metadata('conf'), data: { a: '1', b: '1' }, binaryData: { bin: 'AAE=' } });
    await client.create(secrets, { metadata: metadata('login'), data: { user: 'bWU=', password: 'c2VjcmV0' } });
    const volumes: Volume[] = [
      { name: 'conf', configMap: { name: 'conf', defaultMode: 0o640 } },
      {
        name: 'part',
        configMap: {
          name: 'conf',
          items: [
            { key: 'bin', path: 'deep/er', mode: 0o400 },
            { key: 'no', path: 'no' },
          ],
          optional: true,
        },
      },
      { name: 'none', configMap: { name: 'none', optional: true } },
      { name: 'login', secret: { secretName: 'login', defaultMode: 0o400 } },
      { name: 'user', secret: { secretName: 'login', items: [{ key: 'user', path: 'u', mode: 0o444 }], optional: false } },
      { name: 'no-secret', secret: { secretName: 'none', optional: true } },
      {
        name: 'self',
        downwardAPI: {
          defaultMode: 0o444,
          items: [
            { path: 'labels', fieldRef: fieldRef('metadata.labels') },
            { path: 'name', fieldRef: fieldRef('metadata.name'), mode: 0o400 },
            { path: 'memory', resourceFieldRef: { containerName: 'main', resource: 'limits.memory', divisor: '1Mi' } },
          ],
        },
      },
    ];
    const mounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}` }));
    await running('files', { volumes, mounts, container: { resources: { limits: { memory: '64Mi' } } } }, { labels: { app: 'files' } });
    const listed = async (path: string) => (await lab.sh('files', `ls -lL ${path}`)).split('\n').slice(1, -1).map(modeAndName);
    expect(await listed('/conf')).toEqual(['-rw-r----- a', '-rw-r----- b', '-rw-r----- bin']);
    expect(await listed('/part')).toEqual(['drwxr-xr-x deep']);
    expect(await listed('/part/deep')).toEqual(['-r-------- er']);
    expect([...(await listed('/none')), ...(await listed('/no-secret'))]).toEqual([]);
    expect(await listed('/login')).toEqual(['-r-------- password', '-r-------- user']);
    expect(await listed('/user')).toEqual(['-r--r--r-- u']);
    expect(await listed('/self')).toEqual(['-r--r--r-- labels', '-r--r--r-- memory', '-r-------- name']);
    expect(await lab.sh('files', 'cat /self/labels /self/name /self/memory /user/u /login/password')).toBe('app="files"files64mesecret');
    expect(await lab.sh('files', 'touch /conf/x 2>&1 || true')).toContain('Read-only file system');
    expect(await lab.sh('files', 'cat /proc/mounts')).toMatch(/^tmpfs \/login tmpfs ro,/m);
    // One file after the other is written; a reader must see both as they were, or as they are.
    const watcher = lab.sh(
      'files',
      'while :; do d=$(readlink /conf/..data); c=$(cat /conf/$d/a /conf/$d/b); [ "$c" = 22 ] && break; [ "$c" = 11 ] || [ -z "$c" ] || echo bad $c; done',
    );
    await client.patch(configMaps, metadata('conf'), 'application/merge-patch+json', { data: { a: '2', b: '2' } });
    await client.patch(pods, metadata('files'), 'application/merge-patch+json', { metadata: { labels: { app: 'newer' } } });
    await until('the new labels are there', async () => (await lab.sh('files', 'cat /self/labels')) === 'app="newer"');
    expect(await watcher).toBe('');
    expect(await lab.sh('files', 'cat /conf/a /conf/b')).toBe('22');
    // What is gone from the API stays where it is, and is told of.
    await client.delete(secrets, metadata('login'));
    await client.patch(pods, metadata('files'), 'application/merge-patch+json', { metadata: { labels: { app: 'last' } } });
    expect(await lab.event('files', /FailedMount/)).toMatch(/for volume "(login|user)" : secret "login" not found$/);
    expect(await lab.sh('files', 'cat /login/password')).toBe('secret');
    await client.create(secrets, { metadata: metadata('login'), data: { user: 'bWU=', password: 'c2VjcmV0' } });
  });

  it('say what is missing', async () => {
    const missing = (name: string) => ({ name, configMap: { name: 'missing' } });
    await create('no-map', { volumes: [missing('v'), missing('w')] });
    for (const name of ['v', 'w']) {
      const words = `FailedMount: MountVolume.SetUp failed for volume "${name}" : configmap "missing" not found`;
      await until(`${name} is told of`, async () => (await lab.eventsOf('no-map')).includes(words));
    }
    // Nothing is said of images to a pod that cannot use them yet.
    expect((await lab.eventsOf('no-map')).filter((event) => !event.startsWith('FailedMount: '))).toEqual([]);
    await create('no-key', { volumes: [{ name: 'v', secret: { secretName: 'login', items: [{ key: 'none', path: 'x' }] } }] });
    expect(await lab.event('no-key', /FailedMount/)).toContain('references non-existent secret key: none');
    for (const name of ['no-map', 'no-key']) await lab.delete(name);
  });

  it('come together in one projected volume, a token of the pod among them', async (context) => {
    showsFields(
      context,
      'spec.volumes[].projected.{defaultMode,sources[].serviceAccountToken.path,sources[].serviceAccountToken.audience}',
      'spec.volumes[].projected.sources[].serviceAccountToken.expirationSeconds',
      'spec.volumes[].projected.sources[].configMap.{name,optional,items[].key,items[].path,items[].mode}',
      'spec.volumes[].projected.sources[].secret.{name,optional,items[].key,items[].path,items[].mode}',
      'spec.volumes[].projected.sources[].downwardAPI.items[].{path,mode,fieldRef.apiVersion,fieldRef.fieldPath}',
      'spec.volumes[].projected.sources[].downwardAPI.items[].resourceFieldRef.{containerName,resource,divisor}',
    );
    const item = (key: string, path: string) => ({ key, path, mode: 0o444 });
    const sources = [
      { serviceAccountToken: { path: 'token', audience: 'vault', expirationSeconds: 600 } },
      { configMap: { name: 'conf', items: [item('a', 'map/a')], optional: false } },
      { configMap: { name: 'none', optional: true } },
      { secret: { name: 'login', items: [item('user', 'user')], optional: false } },
      {
        downwardAPI: {
          items: [
            { path: 'uid', fieldRef: fieldRef('metadata.uid'), mode: 0o444 },
            { path: 'cpu', resourceFieldRef: { containerName: 'main', resource: 'requests.cpu', divisor: '1m' } },
          ],
        },
      },
    ];
    const wish: Wish = {
      volumes: [{ name: 'all', projected: { defaultMode: 0o440, sources } }],
      mounts: [{ name: 'all', mountPath: '/all' }],
      container: { resources: { requests: { cpu: '10m' } } },
      securityContext: { fsGroup: 4321, runAsUser: 1000 },
      serviceAccountName: 'reader',
    };
    await lab.api.client.create(serviceAccounts, { metadata: metadata('reader') });
    const pod = await running('projected', wish);
    expect(await lab.sh('projected', 'cat /all/map/a /all/user /all/uid /all/cpu')).toBe(`2me${pod.metadata.uid}10`);
    const claims = JSON.parse(Buffer.from((await lab.sh('projected', 'cat /all/token')).split('.')[1]!, 'base64url').toString());
    expect(claims).toMatchObject({ aud: ['vault'], 'kubernetes.io': { pod: { uid: pod.metadata.uid } } });
    expect(claims.exp - claims.iat).toBe(600);
    expect(await lab.sh('projected', 'ls -lnL /all/token /all/user')).toMatch(/^-rw-r----- .* 1000 .*4321.*\n-r--r--r-- .*4321/);
  });

  it.for([
    ['clusterTrustBundle', { path: 'ca.pem', name: 'x' }],
    ['podCertificate', { signerName: 'a/b', keyType: 'ED25519', keyPath: 'k' }],
  ] as const)('refuse the source %s', async ([source, value], context) => {
    const name = `with-${source.toLowerCase()}`;
    await create(name, { volumes: [{ name: 'v', projected: { sources: [{ [source]: value }] } }] });
    const event = await lab.event(name, /FailedMount/);
    expect(event).toContain(`projected source "${source}" is not supported by this node`);
    refusesFields(context, event, `spec.volumes[].projected.sources[].${source}`);
    await lab.delete(name);
  });
});

describe('what a pod claims', () => {
  /** A claim and its volume, bound as the controller that binds them does. */
  async function bound(name: string, source: object, more: Draft<PersistentVolume['spec']> = {}, owner?: Pod): Promise<void> {
    const { client } = lab.api;
    const reference = { apiVersion: 'v1', kind: 'Pod', name: owner?.metadata.name ?? '', uid: owner?.metadata.uid ?? '', controller: true };
    const accessModes = ['ReadWriteOnce'];
    const resources = { requests: { storage: '1Mi' } };
    const claim = await client.create(persistentVolumeClaims, {
      metadata: { name, namespace: NAMESPACE, ...(owner ? { ownerReferences: [reference] } : {}) },
      spec: { accessModes, resources, volumeName: `pv-${name}`, storageClassName: '' },
    });
    await client.create(persistentVolumes, {
      metadata: { name: `pv-${name}` },
      spec: {
        accessModes,
        capacity: { storage: '1Mi' },
        claimRef: { name, namespace: NAMESPACE, uid: claim.metadata.uid },
        ...source,
        ...more,
      },
    });
    await client.patch(
      persistentVolumeClaims,
      { name, namespace: NAMESPACE },
      'application/merge-patch+json',
      { status: { phase: 'Bound' } },
      'status',
    );
  }
  const anywhere = {
    nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/os', operator: 'Exists' }] }] } },
  };

  it('is a folder of the node, and stays when the pod goes', async (context) => {
    showsFields(context, 'spec.volumes[].persistentVolumeClaim.{claimName,readOnly}', 'spec.securityContext.{fsGroup,fsGroupChangePolicy}');
    const folder = (name: string) => {
      mkdirSync(join(host, name));
      writeFileSync(join(host, name, 'data'), 'precious');
      return join(host, name);
    };
    symlinkSync('/etc/passwd', join(folder('local'), 'link'));
    await bound('by-path', { hostPath: { path: folder('by-path') } });
    await bound('local', { local: { path: join(host, 'local') } }, anywhere);
    await bound('read', { local: { path: folder('read') } }, { ...anywhere, mountOptions: ['noexec'] });
    const volume = (name: string, readOnly = false) => ({ name, persistentVolumeClaim: { claimName: name, readOnly } });
    const pod = await running('claims', {
      volumes: [volume('by-path'), volume('local'), volume('read', true)],
      mounts: ['by-path', 'local', 'read'].map((name) => ({ name, mountPath: `/${name}` })),
      securityContext: { fsGroup: 777, fsGroupChangePolicy: 'OnRootMismatch' },
    });
    expect(await lab.sh('claims', 'cat /by-path/data; echo more > /local/more; touch /read/x 2>&1 || true')).toMatch(
      /^precioustouch.*Read-only/,
    );
    expect(await lab.sh('claims', 'ls -lnd /local /local/data /by-path/data')).toMatch(
      /^-rw-r--r--.* 0 +0 .*by-path.*\ndrwxrws.* 0 +777 .*local\n-rw-rw-r--.* 0 +777 .*local\/data\n$/,
    );
    expect(mountsOf(`${pod.metadata.uid}/volumes/kubernetes.io~local-volume/pv-read`)[0]).toMatch(/ ro,noexec,/);
    await lab.delete('claims');
    expect(mountsOf(pod.metadata.uid)).toEqual([]);
    expect(readFileSync(join(host, 'local/data'), 'utf8')).toBe('precious');
    expect(readFileSync(join(host, 'local/more'), 'utf8')).toBe('more\n');
  });

  it('is made for it where the volume is ephemeral', async (context) => {
    showsFields(context, 'spec.volumes[].ephemeral.volumeClaimTemplate');
    const template = { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } } };
    const pod = await create('own', {
      volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate: template as never } }],
      mounts: [{ name: 'scratch', mountPath: '/scratch' }],
    });
    expect(await lab.event('own', /FailedMount/)).toContain(
      'error processing PVC default/own-scratch: failed to fetch PVC from API server: persistentvolumeclaims "own-scratch" not found',
    );
    mkdirSync(join(host, 'own'));
    await bound('own-scratch', { hostPath: { path: join(host, 'own') } }, {}, pod);
    await lab.ready('own');
    await lab.sh('own', 'touch /scratch/x');
    expect(existsSync(join(host, 'own/x'))).toBe(true);
  });

  it('says what keeps it from being used', async () => {
    await lab.api.client.create(persistentVolumeClaims, {
      metadata: { name: 'open', namespace: NAMESPACE },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } }, storageClassName: '' },
    });
    await create('unbound', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'open' } }] });
    expect(await lab.event('unbound', /FailedMount/)).toBe(
      'FailedMount: Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process volumes=[v]: error processing PVC default/open: PVC is not bound',
    );
    await bound('nowhere', { local: { path: '/no/such/disk' } }, anywhere);
    await create('diskless', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'nowhere' } }] });
    expect(await lab.event('diskless', /FailedMount/)).toBe(
      'FailedMount: MountVolume.SetUp failed for volume "pv-nowhere" : path "/no/such/disk" does not exist',
    );
    for (const name of ['unbound', 'diskless']) await lab.delete(name);
  });
});

describe('nfs', () => {
  it('is mounted by the node, which says what its client says', async (context) => {
    showsFields(context, 'spec.volumes[].nfs.{server,path,readOnly}');
    const pod = await create('far', { volumes: [{ name: 'v', nfs: { server: '127.0.0.1', path: '/export', readOnly: true } }] });
    const event = await lab.event('far', /FailedMount/);
    const directory = join(lab.rootDirectory, 'pods', pod.metadata.uid, 'volumes/kubernetes.io~nfs/v');
    expect(event).toContain(
      `MountVolume.SetUp failed for volume "v" : mount failed: exit status 32\nMounting command: mount\nMounting arguments: -t nfs -o ro 127.0.0.1:/export ${directory}\nOutput: mount`,
    );
    await lab.delete('far');
    expect(lab.hasDirectory(pod)).toBe(false);
  });
});

describe('image', () => {
  it('shows what an image holds, of one layer or several, which nobody can write or run', async (context) => {
    lab.engine.docker('create', '--name', 'holder', BUSYBOX_IMAGE, 'none');
    writeFileSync(join(host, 'data'), 'from an image');
    lab.engine.docker('cp', join(host, 'data'), 'holder:/etc/data');
    lab.engine.docker('commit', 'holder', 'lab/data:1');
    lab.engine.docker('rm', 'holder');
    const pod = await running('illustrated', {
      volumes: [
        { name: 'two', image: { reference: 'lab/data:1', pullPolicy: 'Never' } },
        { name: 'one', image: { reference: BUSYBOX_IMAGE } },
      ],
      mounts: [
        { name: 'two', mountPath: '/two' },
        { name: 'two', mountPath: '/part', subPath: 'etc' },
        { name: 'one', mountPath: '/one', readOnly: true },
      ],
    });
    const refused = (script: string) => lab.sh('illustrated', `${script} 2>&1 || true`);
    expect(await lab.sh('illustrated', 'cat /two/etc/data /two/etc/passwd /part/data')).toBe(
      'from an imageroot:x:0:0::/:/bin/sh\nfrom an image',
    );
    for (const path of ['/two/new', '/part/new', '/one/new']) expect(await refused(`touch ${path}`)).toContain('Read-only file system');
    for (const path of ['/two', '/one']) expect(await refused(`${path}/bin/busybox true`)).toContain('Permission denied');
    const id = lab.engine.docker('image', 'inspect', '--format', '{{.Id}}', 'lab/data:1');
    expect(await imagesMounted([join(lab.rootDirectory, 'pods', pod.metadata.uid)])).toContain(id);
    await lab.delete('illustrated');
    expect(mountsOf(pod.metadata.uid)).toEqual([]);
    showsFields(context, 'spec.volumes[].image.reference');
  });

  it('that is not to be had keeps the container that mounts it from starting, and no other', async (context) => {
    await lab.create('unillustrated', {
      volumes: [{ name: 'v', image: { reference: 'lab/nothing:1', pullPolicy: 'Never' } }],
      containers: [
        { name: 'main', command: ['sleep', '1000'], volumeMounts: [{ name: 'v', mountPath: '/v' }] },
        { name: 'other', command: ['sleep', '1000'] },
      ],
    });
    const pod = await lab.pod('unillustrated', 'the other runs', ({ status: { containerStatuses = [] } }) =>
      containerStatuses.some(({ ready }) => ready),
    );
    expect(pod.status.containerStatuses?.[0]?.state.waiting).toEqual({
      reason: 'ErrImageNeverPull',
      message: 'Container image "lab/nothing:1" is not present with pull policy of Never',
    });
    showsFields(context, 'spec.volumes[].image.pullPolicy');
  });
});

describe('subPath', () => {
  it('is a part of a volume, made where it is not there, also by an expression', async (context) => {
    showsFields(context, 'spec.containers[].volumeMounts[].{subPath,subPathExpr}');
    mkdirSync(join(host, 'parts'));
    writeFileSync(join(host, 'parts/file'), 'a part');
    const mount = (mountPath: string, more: Partial<VolumeMount>): VolumeMount => ({ name: 'v', mountPath, ...more });
    const pod = await running('parts', {
      volumes: [{ name: 'v', hostPath: { path: join(host, 'parts') } }],
      container: { env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] },
      mounts: [
        mount('/file', { subPath: 'file', readOnly: true }),
        mount('/new', { subPath: 'new/dir' }),
        mount('/own', { subPathExpr: 'of/$(POD)' }),
      ],
    });
    await lab.sh('parts', 'touch /new/x /own/y');
    expect(await lab.sh('parts', 'cat /file; ls /')).toMatch(/^a part/);
    expect([existsSync(join(host, 'parts/new/dir/x')), existsSync(join(host, 'parts/of/parts/y'))]).toEqual([true, true]);
    kill(pod);
    await restarted('parts');
    expect(await lab.sh('parts', 'ls /new /own')).toContain('x');
    await lab.delete('parts');
    expect(mountsOf(pod.metadata.uid)).toEqual([]);
    expect(readFileSync(join(host, 'parts/file'), 'utf8')).toBe('a part');
  });

  it('does not follow a link out of its volume, nor an expression', async () => {
    const volumes = [{ name: 'v', emptyDir: {} }];
    const prepare = (script: string) => [
      { name: 'evil', command: ['/bin/sh', '-c', script], volumeMounts: [{ name: 'v', mountPath: '/v' }] },
    ];
    await create('escape', {
      volumes,
      initContainers: prepare('ln -s / /v/out'),
      mounts: [{ name: 'v', mountPath: '/x', subPath: 'out/etc' }],
    });
    expect(await waits('escape')).toBe('failed to create subPath directory for volumeMount "v" of container "main"');
    await create('link', {
      volumes,
      initContainers: prepare('ln -s /etc /v/out'),
      mounts: [{ name: 'v', mountPath: '/x', subPath: 'out' }],
    });
    expect(await waits('link')).toMatch(/^failed to (create|prepare) subPath/);
    const env = [{ name: 'UP', value: '../..' }];
    await create('up', { volumes, container: { env }, mounts: [{ name: 'v', mountPath: '/x', subPathExpr: '$(UP)' }] });
    expect(await waits('up')).toBe("unable to provision SubPath `../..`: must not contain '..'");
    await create('unset', { volumes, mounts: [{ name: 'v', mountPath: '/x', subPathExpr: 'a$(NONE)' }] });
    expect(await waits('unset')).toBe('missing value for "NONE"');
    for (const name of ['escape', 'link', 'up', 'unset']) await lab.delete(name);
  });
});

describe('mounts', () => {
  it('see what the node mounts later, where they ask for it', async (context) => {
    showsFields(context, 'spec.containers[].volumeMounts[].mountPropagation');
    const shared = join(host, 'shared');
    mkdirSync(join(shared, 'later'), { recursive: true });
    execFileSync('mount', ['--bind', shared, shared]);
    execFileSync('mount', ['--make-shared', shared]);
    try {
      await running('propagation', {
        volumes: [{ name: 'v', hostPath: { path: shared } }],
        mounts: [
          { name: 'v', mountPath: '/follows', mountPropagation: 'HostToContainer' },
          { name: 'v', mountPath: '/alone', mountPropagation: 'None' },
        ],
      });
      execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(shared, 'later')]);
      writeFileSync(join(shared, 'later/file'), 'mounted');
      expect(await lab.sh('propagation', 'cat /follows/later/file; ls /alone/later')).toBe('mounted');
      execFileSync('umount', [join(shared, 'later')]);
      await lab.delete('propagation');
    } finally {
      execFileSync('umount', ['--lazy', shared]);
    }
  });

  it('are not read-only all the way down', async (context) => {
    const mounts: VolumeMount[] = [{ name: 'v', mountPath: '/v', readOnly: true, recursiveReadOnly: 'Enabled' }];
    await create('all-the-way', { volumes: [{ name: 'v', emptyDir: {} }], mounts });
    const why = await waits('all-the-way');
    expect(why).toBe(
      'failed to resolve recursive read-only mode: volume "v" requested recursive read-only mode, but it is not supported by the runtime',
    );
    refusesFields(context, why, 'spec.containers[].volumeMounts[].recursiveReadOnly');
    await lab.delete('all-the-way');
  });
});

it("a pod's volumes go with it, also when it went while the kubelet was away", async () => {
  const pod = await running('orphan', {
    volumes: [
      { name: 'memory', emptyDir: { medium: 'Memory' } },
      { name: 'host', hostPath: { path: host } },
    ],
    mounts: [
      { name: 'memory', mountPath: '/memory' },
      { name: 'host', mountPath: '/host', subPath: 'of-orphan' },
    ],
  });
  await lab.sh('orphan', 'echo 1 > /host/file');
  expect(mountsOf(pod.metadata.uid)).toHaveLength(2);
  await lab.stopKubelet();
  await lab.api.client.delete(pods, { namespace: NAMESPACE, name: 'orphan' }, { gracePeriodSeconds: 0 });
  await lab.startKubelet();
  await until('the orphan is gone', () => lab.containersOf(pod).length === 0 && !lab.hasDirectory(pod));
  expect(mountsOf(pod.metadata.uid)).toEqual([]);
  expect(readFileSync(join(host, 'of-orphan/file'), 'utf8')).toBe('1\n');
});

it('nothing of the node is mounted that no pod asked for, the socket of the engine least of all', async () => {
  await running('plain', {});
  const seen = await lab.sh('plain', 'cat /proc/self/mountinfo');
  const ours = seen.split('\n').filter((line) => line.includes(lab.engine.directory));
  const places = ours.map((line) => line.split(' ')[4]).filter((place) => place !== '/');
  expect(places.sort()).toEqual(['/dev/termination-log', '/etc/hostname', '/etc/hosts', '/etc/resolv.conf']);
  expect(seen).not.toContain('docker.sock');
});
