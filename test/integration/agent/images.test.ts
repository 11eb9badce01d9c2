// Images on a real engine, from real registries: one open to all, one with passwords.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { secrets } from '../../../src/kinds/core/secret.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { showsFields } from '../../suites/pod-spec.js';
import { BUSYBOX_IMAGE, until } from './engine-lab.js';
import { KubeletLab } from './kubelet-lab.js';

const OPEN = '127.0.0.1:5000';
const PRIVATE = '127.0.0.1:5001';
/** `user` with the password `secret`, by bcrypt, the only form that the registry takes. */
const HTPASSWD = 'user:$2b$04$gyvVy79ofd7SXKpND03nTeraKE4mRXPhcroe2kK/WQcR7bpXI1HJq\n';

let lab: KubeletLab;
const registries: ChildProcess[] = [];

/** In the node's network, as its engine reaches it. */
async function startRegistry(name: string, address: string, more: object, scheme = 'http'): Promise<void> {
  const directory = join(lab.engine.directory, 'registry');
  mkdirSync(directory, { recursive: true });
  const config = join(directory, `${name}.json`);
  // Both keep the same images, so that what is pushed to one can be pulled from the other.
  const storage = { filesystem: { rootdirectory: join(directory, 'data') } };
  writeFileSync(config, JSON.stringify({ version: 0.1, log: { level: 'error' }, storage, http: { addr: address }, ...more }));
  registries.push(spawn('nsenter', [`--net=/run/netns/${lab.engine.netns}`, 'docker-registry', 'serve', config], { stdio: 'ignore' }));
  const answers = () => {
    try {
      lab.engine.run('curl', ['-sk', '--max-time', '2', `${scheme}://${address}/v2/`]);
      return true;
    } catch {
      return undefined;
    }
  };
  await until(`the ${name} registry answers`, answers);
}

const passwords = () => ({ auth: { htpasswd: { realm: 'lab', path: join(lab.engine.directory, 'registry/htpasswd') } } });

beforeAll(async () => {
  lab = await KubeletLab.start();
  const directory = join(lab.engine.directory, 'registry');
  mkdirSync(directory);
  const at = (file: string, text: string) => {
    writeFileSync(join(directory, file), text);
    return join(directory, file);
  };
  await startRegistry('open', OPEN, {});
  at('htpasswd', HTPASSWD);
  await startRegistry('private', PRIVATE, passwords());
}, 120_000);

afterAll(async () => {
  for (const registry of registries) registry.kill();
  await lab?.stop();
});

/** An image of its own under this name in both registries, and not on the node; returns its digest. */
function publish(name: string, content = name): string {
  const reference = `${OPEN}/${name}`;
  const docker = (...args: string[]) => lab.engine.docker(...args);
  const id = docker('create', BUSYBOX_IMAGE, 'true');
  docker('commit', '--change', `LABEL content=${content}`, '--change', `ENV CONTENT=${content}`, id, reference);
  docker('rm', id);
  docker('push', reference);
  const digest = /@(sha256:\w+)/.exec(docker('inspect', '--format', '{{index .RepoDigests 0}}', reference))![1]!;
  docker('rmi', reference);
  return digest;
}

const pull = (image: string, more: object = {}, spec: object = {}) => ({
  containers: [{ name: 'main', image, command: ['sleep', '100000'], ...more }],
  ...spec,
});
const main = ({ status }: Pod) => status.containerStatuses?.[0];
const waits = (name: string, reason: string) =>
  lab.pod(name, `it waits: ${reason}`, (pod) => main(pod)?.state?.waiting?.reason === reason, 40_000);
const says = async (name: string, text: string) =>
  until(`the events of ${name} say: ${text}`, async () => (await lab.eventsOf(name)).some((event) => event.includes(text)));

async function dockerConfig(name: string, password: string, registry = PRIVATE): Promise<void> {
  const auth = Buffer.from(`user:${password}`).toString('base64');
  const text = JSON.stringify({ auths: { [registry]: { auth } } });
  await lab.api.client.create(secrets, {
    metadata: { namespace: 'default', name },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': Buffer.from(text).toString('base64') },
  });
}
const withSecret = (...names: readonly string[]) => ({ imagePullSecrets: names.map((name) => ({ name })) });

describe('pull policies', () => {
  it('IfNotPresent, a tag’s default, pulls once; the status has the image’s digest', async () => {
    const digest = publish('team/once:1');
    await lab.create('first', pull(`${OPEN}/team/once:1`));
    const pod = await lab.ready('first');
    expect(main(pod)).toMatchObject({ image: `${OPEN}/team/once:1`, imageID: `docker-pullable://${OPEN}/team/once@${digest}` });
    const events = await lab.eventsOf('first');
    expect(events).toContain(`Pulling: Pulling image "${OPEN}/team/once:1"`);
    expect(events.find((event) => event.startsWith('Pulled'))).toMatch(
      /^Pulled: Successfully pulled image "127.0.0.1:5000\/team\/once:1" in [\d.]+m?s \([\d.]+m?s including waiting\)\. Image size: \d+ bytes\.$/,
    );
    await lab.create('second', pull(`${OPEN}/team/once:1`));
    await lab.ready('second');
    await says('second', `Pulled: Container image "${OPEN}/team/once:1" already present on machine and can be accessed by the pod`);
  });

  it('Always, the default of latest and of no tag, follows the tag', async () => {
    publish('team/moving', 'old');
    const created = await lab.create('before', pull(`${OPEN}/team/moving`));
    expect(created.spec.containers[0]!.imagePullPolicy).toBe('Always');
    const before = await lab.ready('before');
    publish('team/moving', 'new');
    await lab.create('after', pull(`${OPEN}/team/moving`));
    const after = await lab.ready('after');
    expect(main(after)?.imageID).not.toBe(main(before)?.imageID);
  });

  it('Never takes what is there, and says so where nothing is', async (context) => {
    showsFields(context, 'spec.containers[].imagePullPolicy');
    await lab.create('present', pull(BUSYBOX_IMAGE, { imagePullPolicy: 'Never' }));
    await lab.ready('present');
    publish('team/never:1');
    await lab.create('absent', pull(`${OPEN}/team/never:1`, { imagePullPolicy: 'Never' }));
    const pod = await waits('absent', 'ErrImageNeverPull');
    expect(main(pod)?.state?.waiting?.message).toBe(`Container image "${OPEN}/team/never:1" is not present with pull policy of Never`);
  });

  it('a digest stays what it is, whatever its tag says now', async () => {
    const digest = publish('team/pinned:1', 'old');
    publish('team/pinned:1', 'new');
    for (const [name, reference] of [
      ['by-digest', `${OPEN}/team/pinned@${digest}`],
      ['by-both', `${OPEN}/team/pinned:1@${digest}`],
    ] as const) {
      await lab.create(name, pull(reference));
      const pod = await lab.ready(name);
      expect(main(pod)?.imageID).toBe(`docker-pullable://${OPEN}/team/pinned@${digest}`);
    }
  });
});

describe('what cannot be pulled', () => {
  it('is told in the registry’s words, backed off from, and pulled once it is there', async () => {
    await lab.create('early', pull(`${OPEN}/team/later:1`));
    const pod = await waits('early', 'ErrImagePull');
    expect(main(pod)?.state?.waiting?.message).toContain('manifest unknown');
    await says('early', `Failed: Failed to pull image "${OPEN}/team/later:1": `);
    await says('early', 'Failed: Error: ErrImagePull');
    const backing = await waits('early', 'ImagePullBackOff');
    expect(main(backing)?.state?.waiting?.message).toMatch(
      /^Back-off pulling image "127.0.0.1:5000\/team\/later:1": ErrImagePull: .*manifest unknown/,
    );
    await says('early', `BackOff: Back-off pulling image "${OPEN}/team/later:1"`);
    await lab.create('meanwhile', pull(BUSYBOX_IMAGE));
    await lab.ready('meanwhile');
    publish('team/later:1');
    await lab.pod('early', 'it runs', (each) => main(each)?.ready === true, 60_000);
  });

  it('is refused where the name is none, and where there is no such registry', async () => {
    await lab.create('misnamed', pull('Upper/Case'));
    expect(main(await waits('misnamed', 'InvalidImageName'))?.state?.waiting?.message).toBe(
      'Failed to apply default image tag "Upper/Case": couldn\'t parse image name "Upper/Case": invalid reference format',
    );
    await lab.create('nowhere', pull('registry.invalid/app:1'));
    const nowhere = await lab.pod(
      'nowhere',
      'it waits',
      (pod) => /^(ErrImagePull|ImagePullBackOff)$/.test(main(pod)?.state?.waiting?.reason ?? ''),
      40_000,
    );
    expect(main(nowhere)?.state?.waiting?.message).toMatch(/registry\.invalid/);
    await lab.create('deaf', pull('127.0.0.1:9/app:1'));
    const deaf = await lab.pod('deaf', 'it waits', (pod) =>
      /^(ErrImagePull|ImagePullBackOff)$/.test(main(pod)?.state?.waiting?.reason ?? ''),
    );
    expect(main(deaf)?.state?.waiting?.message).toContain('connection refused');
  });
});

describe('a private registry', () => {
  const image = `${PRIVATE}/team/private:1`;
  beforeAll(async () => {
    publish('team/private:1');
    await dockerConfig('right', 'secret');
    await dockerConfig('wrong', 'guess');
  });

  it('refuses who shows nothing, or the wrong password', async () => {
    await lab.create('nobody', pull(image));
    expect(main(await waits('nobody', 'ErrImagePull'))?.state?.waiting?.message).toContain('no basic auth credentials');
    await lab.create('guesser', pull(image, {}, withSecret('wrong')));
    expect(main(await waits('guesser', 'ErrImagePull'))?.state?.waiting?.message).toMatch(/unauthorized|authentication required/);
  });

  it('tells of a Secret that is not there', async () => {
    await lab.create('forgetful', pull(image, {}, withSecret('gone')));
    await waits('forgetful', 'ErrImagePull');
    await says(
      'forgetful',
      'FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets (gone); attempting to pull the image may not succeed.',
    );
  });

  it('gives to who has one of the right Secrets; what is here then is not everybody’s', async (context) => {
    showsFields(context, 'spec.imagePullSecrets[].name');
    await lab.create('keyholder', pull(image, {}, withSecret('wrong', 'right')));
    await lab.ready('keyholder');
    // IfNotPresent, and it is present: but it was pulled with a password that these do not have.
    await lab.create('freerider', pull(image));
    expect(main(await waits('freerider', 'ErrImagePull'))?.state?.waiting?.message).toContain('no basic auth credentials');
    await lab.create('never', pull(image, { imagePullPolicy: 'Never' }));
    await waits('never', 'ErrImageNeverPull');
    await lab.create('member', pull(image, {}, withSecret('right')));
    await lab.ready('member');
    await says('member', 'already present on machine and can be accessed by the pod');
  });

  it('takes the older form of Secrets, and those of particular paths', async () => {
    publish('team/older:1');
    const auth = Buffer.from('user:secret').toString('base64');
    await lab.api.client.create(secrets, {
      metadata: { namespace: 'default', name: 'older' },
      type: 'kubernetes.io/dockercfg',
      data: { '.dockercfg': Buffer.from(JSON.stringify({ [`${PRIVATE}/team`]: { auth } })).toString('base64') },
    });
    await lab.create('oldtimer', pull(`${PRIVATE}/team/older:1`, {}, withSecret('older')));
    await lab.ready('oldtimer');
  });
});

describe('a private registry over TLS', () => {
  // Not the loopback, where engines do without. Of each run its own: what the engine trusts is the machine's.
  const host = `192.0.2.${1 + (process.pid % 254)}`;
  const registry = `${host}:5002`;
  const trusted = join('/etc/docker/certs.d', registry);
  afterAll(() => rmSync(trusted, { recursive: true, force: true }));

  it('is believed once the node trusts its certificate, and gives to who has the Secret', async () => {
    const [key, certificate] = ['tls.key', 'tls.crt'].map((file) => join(lab.engine.directory, 'registry', file)) as [string, string];
    const names = ['-subj', '/CN=lab registry', '-addext', `subjectAltName=IP:${host}`];
    const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-keyout', key, '-out', certificate];
    execFileSync('openssl', ['req', '-x509', ...made, ...names], { stdio: 'ignore' });
    lab.engine.run('ip', ['address', 'add', `${host}/32`, 'dev', 'lo']);
    await startRegistry('tls', registry, { ...passwords(), http: { addr: registry, tls: { certificate, key } } }, 'https');
    publish('team/sealed:1');
    await dockerConfig('sealed', 'secret', registry);
    await lab.create('sealed', pull(`${registry}/team/sealed:1`, {}, withSecret('sealed')));
    expect(main(await waits('sealed', 'ErrImagePull'))?.state?.waiting?.message).toContain('certificate signed by unknown authority');
    mkdirSync(trusted, { recursive: true });
    copyFileSync(certificate, join(trusted, 'ca.crt'));
    await lab.pod('sealed', 'it runs', (pod) => main(pod)?.ready === true, 60_000);
    await lab.create('bare', pull(`${registry}/team/sealed:1`, { imagePullPolicy: 'Always' }));
    expect(main(await waits('bare', 'ErrImagePull'))?.state?.waiting?.message).toContain('no basic auth credentials');
  });
});
