// A kubelet for tests: a real engine in a namespace of its own, and a real API server in this process with its store in memory.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CniNetwork } from '../../../agent/cni/cni.js';
import { readSettings } from '../../../agent/config/load.js';
import { countedTransport } from '../../../agent/counted-transport.js';
import type { ReadSignals } from '../../../agent/kubelet/eviction/signals.js';
import { type Kubelet, startKubelet } from '../../../agent/kubelet/kubelet.js';
import { KubeletMetrics } from '../../../agent/kubelet/metrics.js';
import type { Logind } from '../../../agent/kubelet/shutdown/logind.js';
import { podLookup } from '../../../agent/kubelet/static/mirror.js';
import { DockerRuntime } from '../../../agent/runtime/docker.js';
import { measuredRuntime } from '../../../agent/runtime/measured.js';
import { type KubeletServer, startKubeletServer } from '../../../agent/server.js';
import { type Clock, systemClock, systemRandom } from '../../../src/apimachinery/clock.js';
import type { Draft, Json } from '../../../src/apimachinery/json.js';
import type { Logger } from '../../../src/apimachinery/logger.js';
import { StatusError, serviceUnavailable } from '../../../src/apimachinery/status.js';
import { ApiClient } from '../../../src/client/api-client.js';
import type { Transport } from '../../../src/client/client.js';
import { createEventRecorder } from '../../../src/client/event-recorder.js';
import { createInformers } from '../../../src/client/informers.js';
import { events } from '../../../src/kinds/core/event.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Container, Pod, PodSpec } from '../../../src/kinds/types/core_v1.js';
import { ADMIN, startTestServer, type TestServer } from '../../suites/apiserver.js';
import { BUSYBOX_IMAGE, EngineLab, type EngineOptions, PAUSE_IMAGE, until } from './engine-lab.js';

const run = promisify(execFile);

export const NODE = 'lab-node';
const POD_CIDR = '10.254.9.0/24';

const random = systemRandom;

/** What is told of an agent in a test that failed. */
const LOG_LINES = 100;

/** What of the node is not this machine's. */
export interface LabNode extends EngineOptions {
  /** The size of the disk that pods' files are on. */
  readonly disk?: string;
  /** A way to the API that can be cut: what is asked meanwhile fails. */
  readonly isCut?: () => boolean;
  /** The agent's; absent: the machine's. */
  readonly clock?: Clock;
  readonly logind?: Logind;
  readonly signals?: (rootDirectory: string) => ReadSignals;
}

type Configuration = { [field: string]: Json };

function cuttable(transport: Transport, isCut: () => boolean): Transport {
  const check = () => {
    if (isCut()) throw serviceUnavailable('dial tcp: connection refused');
  };
  return {
    async request(request) {
      check();
      const answer = await transport.request(request);
      check();
      return answer;
    },
    async *watch(request, signal) {
      check();
      for await (const event of transport.watch(request, signal)) {
        check();
        yield event;
      }
    },
  };
}

export class KubeletLab {
  kubelet: Kubelet | undefined;
  server: KubeletServer | undefined;
  private stopInformers = () => {};
  private readonly lines: string[] = [];
  private readonly log = this.logger({});

  private constructor(
    readonly engine: EngineLab,
    readonly api: TestServer,
    /** Of a KubeletConfiguration; a change counts from the kubelet's next start. */
    readonly configuration: Configuration,
    private readonly node: LabNode,
  ) {}

  /** `configuration` may lie below the lab's directory. */
  static async start(configuration: Configuration | ((directory: string) => Configuration) = {}, node: LabNode = {}): Promise<KubeletLab> {
    const engine = await EngineLab.start(node);
    const settings = typeof configuration === 'function' ? configuration(engine.directory) : configuration;
    const lab = new KubeletLab(engine, await startTestServer(), settings, node);
    mkdirSync(lab.rootDirectory);
    if (node.disk) execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${node.disk}`, 'tmpfs', lab.rootDirectory]);
    writeFileSync(join(engine.directory, 'resolv.conf'), 'nameserver 192.0.2.53\nsearch lab.example\n');
    await lab.startKubelet();
    // What the node IPAM controller does.
    await lab.api.client.patch(nodes, { name: NODE }, 'application/merge-patch+json', {
      spec: { podCIDR: POD_CIDR, podCIDRs: [POD_CIDR] },
    });
    await until('the node is ready', async () => (await lab.nodeCondition('Ready')) === 'True');
    return lab;
  }

  get rootDirectory(): string {
    return join(this.engine.directory, 'kubelet');
  }

  private logger(own: object): Logger {
    const line = (fields: object, message: string) => {
      this.lines.push(`${new Date().toISOString()} ${message} ${JSON.stringify({ ...own, ...fields })}`);
      this.lines.splice(0, this.lines.length - LOG_LINES);
    };
    return { debug() {}, info: line, warn: line, error: line, child: (fields) => this.logger({ ...own, ...fields }) };
  }

  async startKubelet(): Promise<void> {
    const { pki } = this.api;
    const { log } = this;
    const { clock = systemClock } = this.node;
    const metrics = new KubeletMetrics(clock);
    const transport = cuttable(this.api.server.transport(ADMIN), this.node.isCut ?? (() => false));
    const client = new ApiClient(countedTransport(transport, (method, code) => metrics.apiRequest(method, 'lab', code)));
    const settings = {
      ...readSettings({
        healthzPort: 0,
        podLogsDir: join(this.engine.directory, 'log/pods'),
        address: '127.0.0.1',
        nodeStatusUpdateFrequency: '1s',
        cgroupRoot: `/${this.engine.netns}`,
        resolvConf: join(this.engine.directory, 'resolv.conf'),
        ...this.configuration,
      }),
      port: 0,
    };
    const informers = createInformers({ client, clock, random, log });
    const network = await CniNetwork.open({
      confDirectory: this.engine.cniConf,
      binDirectories: [this.engine.cniBin],
      stateDirectory: join(this.rootDirectory, 'cni'),
      log,
    });
    const docker = new DockerRuntime({
      endpoint: `unix://${this.engine.socket}`,
      containerdSocket: this.engine.containerdSocket,
      pauseImage: PAUSE_IMAGE,
      network,
      stateDirectory: this.rootDirectory,
      settings,
      clock,
    });
    const runtime = measuredRuntime(docker, clock, (...operation) => metrics.operation(...operation));
    const ours = informers.of(pods, { fieldSelector: `spec.nodeName=${NODE}` });
    this.server = await startKubeletServer({
      settings,
      ...pki.apiserver,
      clientCa: pki.ca.cert,
      nodeName: NODE,
      rootDirectory: this.rootDirectory,
      client,
      metrics,
      lookup: podLookup(ours),
      runtime,
      clock,
      log,
    });
    this.kubelet = await startKubelet({
      nodeName: NODE,
      nodeIps: ['127.0.0.1'],
      nodeLabels: { disk: 'ssd' },
      rootDirectory: this.rootDirectory,
      resolvConf: settings.resolvConf,
      settings,
      port: this.server.port,
      nodeLeaseRenewInterval_ms: 200,
      evictionMonitoringPeriod_ms: 300,
      ...(this.node.logind ? { logind: this.node.logind } : {}),
      ...(this.node.signals ? { signals: this.node.signals(this.rootDirectory) } : {}),
      client,
      informers,
      events: createEventRecorder({ client, component: 'kubelet', host: NODE, clock, random, log }),
      metrics,
      runtime,
      network,
      clock,
      random,
      log,
    });
    this.stopInformers = () => informers.stop();
  }

  async stopKubelet(): Promise<void> {
    this.kubelet?.stop();
    this.stopInformers();
    await this.server?.close();
  }

  async stop(): Promise<void> {
    await this.stopKubelet();
    await this.api.stop();
    await this.engine.stop();
  }

  async nodeCondition(type: string): Promise<string | undefined> {
    const node = await this.api.client.get(nodes, { name: NODE });
    return node.status.conditions?.find((condition) => condition.type === type)?.status;
  }

  /** Creates a pod on this node; containers get the lab's image unless they name one. */
  create(name: string, spec: Draft<PodSpec>, metadata: Draft<Pod['metadata']> = {}): Promise<Pod> {
    const withImage = (container: Draft<Container>) => ({ image: BUSYBOX_IMAGE, ...container });
    const { containers = [], initContainers } = spec;
    return this.api.client.create<Pod>(pods, {
      metadata: { ...metadata, name, namespace: 'default' },
      spec: {
        nodeName: NODE,
        terminationGracePeriodSeconds: 1,
        ...spec,
        containers: containers.map(withImage),
        ...(initContainers ? { initContainers: initContainers.map(withImage) } : {}),
      },
    });
  }

  get(name: string): Promise<Pod> {
    return this.api.client.get(pods, { namespace: 'default', name });
  }

  /** undefined where there is none. */
  find(name: string): Promise<Pod | undefined> {
    return this.get(name).catch((error: unknown) => {
      if (error instanceof StatusError && error.code === 404) return undefined;
      throw error;
    });
  }

  /** The pod once it is as wanted; the failure tells how it was instead. */
  async pod(name: string, what: string, wanted: (pod: Pod) => boolean, timeout_ms = 45_000): Promise<Pod> {
    let last: Pod | undefined;
    try {
      return await until(
        what,
        async () => {
          last = await this.find(name);
          return last && wanted(last) ? last : undefined;
        },
        timeout_ms,
      );
    } catch (error) {
      throw new Error(`${(error as Error).message}: ${JSON.stringify(last?.status)} ${(await this.eventsOf(name)).join('; ')}`);
    }
  }

  ready(name: string): Promise<Pod> {
    return this.pod(name, `${name} is ready`, (pod) => pod.status.conditions?.find(({ type }) => type === 'Ready')?.status === 'True');
  }

  async eventsOf(name: string): Promise<readonly string[]> {
    const { items } = await this.api.client.list(events, { namespace: 'default' });
    return items.filter(({ involvedObject }) => involvedObject.name === name).map(({ reason, message }) => `${reason}: ${message}`);
  }

  async delete(name: string, gracePeriodSeconds?: number): Promise<void> {
    await this.api.client.delete(pods, { namespace: 'default', name }, gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds });
    await until(`${name} is gone`, async () => !(await this.find(name)));
  }

  /** What a shell in a container of a pod prints; this process goes on serving meanwhile. */
  async sh(pod: string, script: string, container = 'main'): Promise<string> {
    const named = [`label=io.kubernetes.pod.name=${pod}`, `label=io.kubernetes.container.name=${container}`];
    const id = this.engine.docker('ps', '-q', ...named.flatMap((filter) => ['--filter', filter]));
    const { stdout } = await run('docker', ['-H', `unix://${this.engine.socket}`, 'exec', id, '/bin/sh', '-c', script]);
    return stdout;
  }

  /** An event of a pod that matches, once there is one. */
  async event(pod: string, pattern: RegExp): Promise<string> {
    const found = async () => (await this.eventsOf(pod)).find((event) => pattern.test(event));
    return until(`${pod} has an event ${pattern}`, found).catch(async (error: Error) => {
      throw new Error(`${error.message}: ${(await this.eventsOf(pod)).join('\n')}`);
    });
  }

  /** All that there is to say of a pod that is not as it should be. */
  async diagnosis(name: string): Promise<string> {
    const pod = await this.find(name);
    const say = (what: () => string) => {
      try {
        return what();
      } catch (error) {
        return (error as Error).message;
      }
    };
    return [
      JSON.stringify(pod ?? 'not in the API'),
      ...(await this.eventsOf(name)),
      ...this.lines,
      say(() => this.engine.docker('ps', '-a', '--no-trunc')),
      say(() => this.engine.docker('inspect', ...this.containersOf(pod!))),
    ].join('\n');
  }

  /** IDs of the engine's containers of a pod, dead ones and the sandbox included. */
  containersOf({ metadata }: Pod, ...flags: string[]): readonly string[] {
    return this.engine
      .docker('ps', '-aq', '--no-trunc', '--filter', `label=io.kubernetes.pod.uid=${metadata.uid}`, ...flags)
      .split('\n')
      .filter(Boolean);
  }

  hasDirectory({ metadata }: Pod): boolean {
    return existsSync(join(this.rootDirectory, 'pods', metadata.uid));
  }
}
