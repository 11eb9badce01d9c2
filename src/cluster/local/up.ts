// Bringing up a local cluster as `porthole up` does: preflight, start, demo, report; what cannot come up is stopped again.
import { systemClock, systemRandom } from '../../apimachinery/clock.js';
import { silentLogger } from '../../apimachinery/logger.js';
import { leases } from '../../kinds/coordination/lease.js';
import { nodes } from '../../kinds/core/node.js';
import type { Node, Pod } from '../../kinds/types/core_v1.js';
import { NAMESPACE_NODE_LEASE, PORT_API } from '../../kinds/wellknown.js';
import { mergeContext, personalKubeconfig } from '../kubeconfig.js';
import { createToken, deleteToken } from '../tokens.js';
import { type Admin, connectAdmin } from './admin.js';
import { startCluster, stopCluster } from './cluster.js';
import { applyDemo, type Check, checkFromPod, checkNodePorts, type DemoContext, demoPods } from './demo.js';
import type { ImageSource } from './images.js';
import { findKubectl } from './kubectl.js';
import { lockCluster } from './lock.js';
import { addPodRoutes } from './network.js';
import { preflight } from './preflight.js';
import { deathOf } from './process.js';
import { isNodeReady, whenInformed } from './ready.js';
import { checksTable, nodesTable, podsTable, type StartTimes, timesLine } from './report.js';
import { type ClusterLayout, DEFAULT_CLUSTER, DEFAULT_NODES, DEFAULT_SUBNET, layoutOf, readSpec } from './state.js';
import { UserError } from './user-error.js';
import { waitFor } from './wait.js';

/** Long enough for the slowest join, short enough to be worthless afterwards. */
const TOKEN_TTL_MS = 10 * 60_000;
/** Agents join in a second or two; this is for machines under load. */
const NODES_TIMEOUT_MS = 120_000;
const DEATH_INTERVAL_MS = 250;

/** The flags of `porthole up`; absent numbers and subnet are those of the last start, or the defaults. */
export interface UpFlags {
  readonly cluster: string;
  readonly nodes?: number;
  readonly subnet?: string;
  readonly port?: number;
  readonly images: ImageSource;
  readonly demo: boolean;
  readonly json?: true;
  readonly kubeconfig: boolean;
  readonly serverArg: readonly string[];
  readonly agentArg: readonly string[];
}

/** A shell's for a command ended by Ctrl-C. */
const INTERRUPTED_STATUS = 130;

interface Outcome {
  readonly nodes: readonly Node[];
  readonly pods: readonly Pod[];
  readonly checks: readonly Check[];
  readonly times: StartTimes;
}

/** Prints the outcome; the exit code is 1 where something did not answer. Rejects with a UserError where the cluster cannot come up. */
export async function up(flags: UpFlags): Promise<void> {
  const layout = await layoutFor(flags);
  const lock = await lockCluster(layout.name);
  try {
    await preflight(layout);
    const outcome = await bringUp(layout, flags);
    const failed = outcome.checks.filter((check) => check.status !== 200);
    print(layout, flags, outcome, failed.length === 0);
    if (failed.length > 0) process.exitCode = 1;
  } finally {
    lock.release();
  }
}

/** What was given, else what the cluster had at its last start, else the defaults. */
async function layoutFor(flags: UpFlags): Promise<ClusterLayout> {
  const before = await readSpec(flags.cluster);
  const port = flags.port ?? before?.port ?? PORT_API;
  const subnet = flags.subnet ?? before?.subnet ?? DEFAULT_SUBNET;
  if (before && before.subnet !== subnet) {
    throw new UserError(
      `cluster ${flags.cluster} has subnet ${before.subnet}: keep it, or remove the cluster first with porthole clean --cluster ${flags.cluster}`,
    );
  }
  return layoutOf({ name: flags.cluster, subnet, port, nodes: flags.nodes ?? before?.nodes ?? DEFAULT_NODES });
}

/** Starts everything, and ends all of it again where the cluster itself does not come up. */
async function bringUp(layout: ClusterLayout, flags: UpFlags): Promise<Outcome> {
  const say = (line: string) => process.stderr.write(`${(systemClock.monotonic() / 1000).toFixed(1).padStart(5)} s  ${line}\n`);
  const session = new UpSession(layout, flags, say);
  say(`cluster ${layout.name}: starting ${layout.nodes} nodes`);
  const interruptible = stopOnInterrupt(layout, session, say);
  try {
    await startCluster(layout, {
      clock: systemClock,
      images: flags.images,
      serverArgs: flags.serverArg,
      agentArgs: flags.agentArg,
      createToken: () => session.createToken(),
      onApiReady: () => session.apiReady(),
      progress: say,
    });
    return await session.outcome();
  } catch (error) {
    if (!session.nodesAreReady) {
      say('it does not come up: stopping what was started (logs and data stay)');
      await stopCluster(layout, systemClock);
    }
    throw error;
  } finally {
    interruptible.end();
    session.close();
  }
}

/** Ctrl-C before the nodes are Ready leaves nothing half up; after that, the cluster stays. */
function stopOnInterrupt(layout: ClusterLayout, session: UpSession, say: (line: string) => void): { end(): void } {
  const onSignal = async (): Promise<void> => {
    if (!session.nodesAreReady) {
      say('interrupted: stopping what was started (logs and data stay)');
      await stopCluster(layout, systemClock);
      // What the start, which goes on until this process ends, began meanwhile.
      await stopCluster(layout, systemClock);
    }
    process.exit(INTERRUPTED_STATUS);
  };
  const names = ['SIGINT', 'SIGTERM'] as const;
  for (const name of names) process.once(name, onSignal);
  return {
    end() {
      for (const name of names) process.off(name, onSignal);
    },
  };
}

/** What `up` does with the API once that answers: tokens for the nodes, waiting for them, the demo. */
class UpSession {
  nodesAreReady = false;
  private readonly started_ms = systemClock.now();
  private admin: Promise<Admin> | undefined;
  /** The id of the token that the nodes join with, deleted once they have. */
  private token: string | undefined;
  private api_ms = 0;

  constructor(
    private readonly layout: ClusterLayout,
    private readonly flags: UpFlags,
    private readonly say: (line: string) => void,
  ) {}

  apiReady(): void {
    this.api_ms = systemClock.monotonic();
    this.say('API answers');
    this.admin = connectAdmin(this.layout, { clock: systemClock, random: systemRandom, log: silentLogger });
    // Awaited in outcome(); until then a rejection is not unhandled.
    this.admin.catch(() => {});
  }

  async createToken(): Promise<string> {
    const { client, credentials } = await this.admin!;
    const description = 'local nodes of porthole up';
    const token = await createToken({
      client,
      ca: credentials.ca,
      ttl_ms: TOKEN_TTL_MS,
      description,
      clock: systemClock,
      random: systemRandom,
    });
    this.token = token.split('.')[0];
    return token;
  }

  async outcome(): Promise<Outcome> {
    const admin = await this.admin!;
    if (this.flags.kubeconfig) await this.mergeKubeconfig(admin);
    const readyNodes = await Promise.race([this.nodesReady(admin), this.agentDeath()]);
    if (this.token) await deleteToken(admin.client, this.token);
    await this.reachPods(readyNodes.nodes);
    const shown = this.flags.demo ? await this.demo(admin) : undefined;
    const times = { api: this.api_ms, nodesReady: readyNodes.at_ms, ...shown?.times };
    return { nodes: readyNodes.nodes, pods: shown?.pods ?? [], checks: shown?.checks ?? [], times };
  }

  private async reachPods(readyNodes: readonly Node[]): Promise<void> {
    const cidrs = readyNodes.flatMap(({ metadata, spec }) => (spec.podCIDR ? [[metadata.name, spec.podCIDR] as const] : []));
    const taken = await addPodRoutes(this.layout, new Map(cidrs));
    if (taken.length > 0)
      this.say(`${taken.join(', ')}: in use by another cluster, so this API server reaches no webhooks or servers in pods`);
  }

  close(): void {
    this.admin?.then(
      (admin) => admin.close(),
      () => {},
    );
  }

  private async mergeKubeconfig({ credentials }: Admin): Promise<void> {
    const { path, owner } = await personalKubeconfig(process.env);
    // A file that is not a kubeconfig is its owner's to mend; the cluster runs all the same.
    await mergeContext(path, this.layout.name, credentials, owner).catch((error: Error) => this.say(`no context added: ${error.message}`));
  }

  private async nodesReady({ informers }: Admin): Promise<{ nodes: readonly Node[]; at_ms: number }> {
    const nodeInformer = informers.of(nodes);
    const leaseInformer = informers.of(leases, { namespace: NAMESPACE_NODE_LEASE });
    const ready = () =>
      this.layout.nodeList.flatMap(({ name }) => {
        const node = nodeInformer.get({ name });
        const lease = leaseInformer.get({ namespace: NAMESPACE_NODE_LEASE, name });
        return node && isNodeReady(node, lease, this.started_ms) ? [node] : [];
      });
    const all = await whenInformed([nodeInformer, leaseInformer], () => (ready().length === this.layout.nodes ? ready() : undefined), {
      clock: systemClock,
      timeout_ms: NODES_TIMEOUT_MS,
      what: () => `${ready().length} of ${this.layout.nodes} nodes are Ready (logs: ${this.layout.dataDir}/node-*/agent.log)`,
    });
    this.nodesAreReady = true;
    this.say('nodes are Ready');
    return { nodes: all, at_ms: systemClock.monotonic() };
  }

  /** Rejects when an agent ends before the nodes are Ready: it has said why, and waiting will not help. */
  private async agentDeath(): Promise<never> {
    const ended = async () => {
      if (this.nodesAreReady) return '';
      const reasons = await Promise.all(this.layout.nodeList.map((node) => deathOf(node.agent)));
      return reasons.find((reason) => reason !== undefined);
    };
    const options = {
      clock: systemClock,
      timeout_ms: NODES_TIMEOUT_MS,
      interval_ms: DEATH_INTERVAL_MS,
      what: 'the nodes do not become Ready',
    };
    const reason = await waitFor(ended, options);
    // Ready: the other runner of the race has won.
    if (reason === '') return new Promise<never>(() => {});
    throw new UserError(`an agent has ended: ${reason}`);
  }

  private async demo(admin: Admin): Promise<{ pods: readonly Pod[]; checks: readonly Check[]; times: { app: number; dns: number } }> {
    const context: DemoContext = { layout: this.layout, admin, kubectl: await findKubectl(), clock: systemClock };
    // Not before all nodes are Ready, or the first to be so would get all the pods.
    await applyDemo(context);
    this.say('manifests/nginx applied');
    const found = await demoPods(context);
    this.say('nginx runs');
    const nodePorts = checkNodePorts(context).then((checks) => ({ checks, at_ms: systemClock.monotonic() }));
    const inside = checkFromPod(context, found[0]!).then((checks) => ({ checks, at_ms: systemClock.monotonic() }));
    const [app, dns] = await Promise.all([nodePorts, inside]);
    return { pods: found, checks: [...app.checks, ...dns.checks], times: { app: app.at_ms, dns: dns.at_ms } };
  }
}

function print(layout: ClusterLayout, flags: UpFlags, { nodes: nodeObjects, pods, checks, times }: Outcome, ok: boolean): void {
  const write = (text: string) => process.stdout.write(`${text}\n`);
  if (flags.json) {
    const nodeNames = nodeObjects.map((node) => node.metadata.name);
    const podRows = pods.map((pod) => ({ name: pod.metadata.name, node: pod.spec?.nodeName, ip: pod.status?.podIP }));
    write(JSON.stringify({ ok, cluster: layout.name, server: layout.apiUrl, times_ms: times, nodes: nodeNames, pods: podRows, checks }));
    return;
  }
  write(nodesTable(nodeObjects));
  if (pods.length > 0) write(podsTable(pods));
  if (checks.length > 0) write(checksTable(checks));
  write(timesLine(times));
  const cluster = layout.name === DEFAULT_CLUSTER ? '' : ` --cluster ${layout.name}`;
  const npmArgs = cluster && ` --${cluster}`;
  write(ok ? '' : '\nNot everything answered: see above.\n');
  write(`The cluster stays up. Use it with kubectl:  kubectl --context ${layout.name} get pods -o wide`);
  write(`without a kubectl of your own:              npx porthole kubectl${cluster} get pods -o wide`);
  write(`Stop it, keeping its data:                  npm run stop${npmArgs}`);
  write(`Remove every trace of it:                   npm run clean${npmArgs}`);
}
