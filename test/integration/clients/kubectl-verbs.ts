// What the tests of kubectl's verbs share: one cluster a file, and for each verb a test with every version, in a namespace of its own.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, it } from 'vitest';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { serviceAccounts } from '../../../src/kinds/core/serviceaccount.js';
import type { TestServer } from '../../suites/apiserver.js';
import { startTestCluster } from '../../suites/cluster.js';
import { type Shown, shows } from '../../suites/compatibility.js';
import { ALL_KUBECTL_VERSIONS, Kubectl, type KubectlVersion, type Run } from '../../suites/kubectl.js';
import { until } from '../../suites/until.js';

const VERSIONS: readonly KubectlVersion[] = ['1.20', '1.29', '1.32', '1.35'];

/** Five tests at a time share the processors, each with several runs of kubectl. */
const TIMEOUT_MS = 180_000;

/** As on a command line, without quotes; a list where an argument has spaces. */
export type Command = string | readonly string[];

/** Absent: it works. */
type Outcome = Shown['result'] | void;

/** Calls for a test of a verb with each version; those before `since` must say that they do not have it. */
export type DeclareVerb = (verb: string, body: (kubectl: KubectlSession) => Promise<Outcome>, since?: KubectlVersion) => void;

/** To be called once a test file. */
export function kubectlVerbs(): DeclareVerb {
  let cluster: TestServer;
  beforeAll(async () => {
    cluster = await startTestCluster();
  });
  afterAll(() => cluster?.stop());

  let sessions = 0;
  return (verb, body, since = '1.20') => {
    for (const version of VERSIONS)
      it.skipIf(!ALL_KUBECTL_VERSIONS.includes(version)).concurrent(
        `kubectl ${version} ${verb}`,
        async (context) => {
          const session = await KubectlSession.start(cluster, version, `t${sessions++}`);
          const test = minor(version) < minor(since) ? session.hasNoVerb(verb) : body(session);
          shows(context, { client: 'kubectl', version, verb, result: (await test) ?? 'works' });
        },
        TIMEOUT_MS,
      );
  };
}

const minor = (version: KubectlVersion) => Number(version.slice(2));

/** kubectl of one version with a namespace of its own. */
export class KubectlSession {
  private constructor(
    readonly cluster: TestServer,
    readonly version: KubectlVersion,
    readonly namespace: string,
    readonly dir: string,
    readonly kubectl: Kubectl,
  ) {}

  static async start(cluster: TestServer, version: KubectlVersion, namespace: string): Promise<KubectlSession> {
    const { client } = cluster;
    await client.create(namespaces, { metadata: { name: namespace } });
    const account = () => client.list(serviceAccounts, { namespace });
    await until('the namespace has its service account', async () => (await account()).items.length > 0);
    const dir = join(cluster.dir, namespace);
    mkdirSync(dir);
    const kubeconfig = join(dir, 'kubeconfig');
    writeFileSync(kubeconfig, inNamespace(cluster, namespace));
    // What a version has discovered serves all its tests.
    const kubectl = new Kubectl(version, kubeconfig, join(cluster.dir, `home-${version}`), { KUBE_EDITOR: join(dir, 'editor') });
    return new KubectlSession(cluster, version, namespace, dir, kubectl);
  }

  get minor(): number {
    return minor(this.version);
  }

  run(command: Command, input?: string): Promise<Run> {
    return this.kubectl.run(args(command), input);
  }

  /** stdout of a command that must succeed. */
  ok(command: Command, input?: string): Promise<string> {
    return this.kubectl.ok(args(command), input);
  }

  /** stderr of a command that must fail. */
  fails(command: Command, input?: string): Promise<string> {
    return this.kubectl.fails(args(command), input);
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look into it as they please.
  async json(command: Command, input?: string): Promise<any> {
    return JSON.parse(await this.ok([...args(command), '-o', 'json'], input));
  }

  /** The text of one field: `get('cm/c', '.data.key')`. */
  get(object: string, path: string): Promise<string> {
    return this.ok(['get', object, '-o', `jsonpath={${path}}`]);
  }

  /** The path of a file with this text. */
  file(name: string, text: string): string {
    const path = join(this.dir, name);
    writeFileSync(path, text);
    return path;
  }

  /** The flag for a kubeconfig that says where the cluster is, and not who asks. */
  nobody(): string {
    const config = JSON.parse(readFileSync(join(this.dir, 'kubeconfig'), 'utf8'));
    for (const { context } of config.contexts) delete context.user;
    return `--kubeconfig=${this.file('nobody', JSON.stringify({ ...config, users: [] }))}`;
  }

  /** What `kubectl edit` calls from now on: sed with these arguments. */
  editWith(script: string): void {
    chmodSync(this.file('editor', `#!/bin/sh\nexec sed -i '${script}' "$1"\n`), 0o755);
  }

  /** That the verb (or one of its flags or values) is unknown. */
  async hasNoVerb(verb: string): Promise<Outcome> {
    const { code, stdout, stderr } = await this.run(verb);
    // A group of verbs shows its help instead.
    if (code === 0 ? !stdout.includes('Available Commands:') : !/unknown (command|flag)|unrecognized condition/.test(stderr))
      throw new Error(`kubectl ${this.version} ${verb}: exit ${code}\n${stdout}${stderr}`);
    return 'absent';
  }

  /** Runs a command that goes on; `body` gets all of its output so far. */
  async during(command: Command, body: (output: () => string) => Promise<void>): Promise<void> {
    const child = this.kubectl.spawn(args(command));
    let output = '';
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (chunk) => {
        output += chunk;
      });
    const ended = new Promise((resolve) => child.once('close', resolve));
    try {
      await body(() => output);
    } finally {
      child.kill();
      await ended;
    }
  }
}

const args = (command: Command): readonly string[] => (typeof command === 'string' ? command.split(' ') : command);

function inNamespace({ kubeconfig }: TestServer, namespace: string): string {
  const config = JSON.parse(readFileSync(kubeconfig, 'utf8'));
  for (const { context } of config.contexts) context.namespace = namespace;
  return JSON.stringify(config);
}
