// The demo: nginx applied with the real kubectl, then asked for by every way that leads to it.
import { request } from 'node:http';
import { join } from 'node:path';
import type { Clock } from '../../apimachinery/clock.js';
import { PROJECT_ROOT } from '../../apimachinery/project-root.js';
import type { Informer } from '../../client/informer.js';
import { deployments } from '../../kinds/apps/deployment.js';
import { pods } from '../../kinds/core/pod.js';
import { isPodReady } from '../../kinds/core/podutil.js';
import { services } from '../../kinds/core/service.js';
import type { Pod } from '../../kinds/types/core_v1.js';
import { NAMESPACE_DEFAULT } from '../../kinds/wellknown.js';
import type { Admin } from './admin.js';
import { CommandError, run } from './command.js';
import { engineApi } from './engine-api.js';
import { whenInformed } from './ready.js';
import type { ClusterLayout } from './state.js';
import { UserError } from './user-error.js';
import { waitFor } from './wait.js';

const MANIFESTS = join(PROJECT_ROOT, 'manifests/nginx');
const APP = 'nginx';
const APP_LABEL = `app=${APP}`;
const APP_NODE_PORT = 30080;

/** Pulling nginx through a slow line takes longest. */
const PODS_TIMEOUT_MS = 300_000;
/** Rules follow within a second; this is for machines under load. */
const ANSWER_TIMEOUT_MS = 60_000;
const HTTP_TIMEOUT_MS = 1_000;
const EXEC_TIMEOUT_MS = 15_000;
/** An exec starts a kubectl; once a quarter of a second is often enough. */
const EXEC_INTERVAL_MS = 250;

export interface Check {
  /** `http://192.168.241.11:30080/`. */
  readonly url: string;
  readonly from: string;
  readonly what: string;
  /** 200, or why there was none. */
  readonly status: number | string;
}

export interface DemoContext {
  readonly layout: ClusterLayout;
  readonly admin: Admin;
  readonly kubectl: string;
  readonly clock: Clock;
}

/** `kubectl apply -f manifests/nginx`; resolves to what kubectl said. */
export async function applyDemo({ layout, kubectl }: DemoContext): Promise<string> {
  try {
    return await run(kubectl, ['--kubeconfig', layout.kubeconfig, 'apply', '-f', MANIFESTS]);
  } catch (error) {
    if (error instanceof CommandError) throw new UserError(`kubectl apply -f ${MANIFESTS} failed: ${error.stderr.trim()}`);
    throw error;
  }
}

/** Resolves to the app's pods once as many as asked for are Ready and their containers run. */
export async function demoPods({ layout, admin, clock }: DemoContext): Promise<readonly Pod[]> {
  const podInformer = admin.informers.of(pods, { namespace: NAMESPACE_DEFAULT, labelSelector: APP_LABEL });
  const deploymentInformer = admin.informers.of(deployments, { namespace: NAMESPACE_DEFAULT });
  const ready = () => podInformer.list().filter((pod) => isPodReady(pod) && pod.metadata.deletionTimestamp === undefined);
  for (;;) {
    const found = await whenInformed(
      [podInformer, deploymentInformer],
      () => {
        const wanted = deploymentInformer.get({ namespace: NAMESPACE_DEFAULT, name: APP })?.spec?.replicas;
        return wanted !== undefined && ready().length >= wanted ? ready() : undefined;
      },
      {
        clock,
        timeout_ms: PODS_TIMEOUT_MS,
        what: () => `${APP}: ${ready().length} pods are Ready, ${podInformer.list().map(whyNotReady).join(', ')}`,
      },
    );
    const running = await runningContainers(layout);
    if (found.every((pod) => containersOf(pod).every((id) => running.has(id)))) return found;
    // Their status is of before the last stop: the kubelets are about to say so.
    await podChange(podInformer, clock);
  }
}

/** The next change of a pod. */
function podChange(informer: Informer<Pod>, clock: Clock): Promise<true> {
  const seen = informer.resourceVersion;
  return whenInformed([informer], () => (informer.resourceVersion > seen ? true : undefined), {
    clock,
    timeout_ms: PODS_TIMEOUT_MS,
    what: () => `${APP}: its pods are stored as Ready, but their containers do not run`,
  });
}

function whyNotReady(pod: Pod): string {
  const waiting = pod.status?.containerStatuses?.map((status) => status.state?.waiting?.reason).find((reason) => reason !== undefined);
  const condition = pod.status?.conditions?.find((one) => one.status !== 'True');
  return `${pod.metadata.name} ${isPodReady(pod) ? 'Ready' : (waiting ?? condition?.message ?? condition?.reason ?? pod.status?.phase ?? 'Pending')}`;
}

const containersOf = (pod: Pod): readonly string[] =>
  (pod.status?.containerStatuses ?? []).map((status) => (status.containerID ?? '').replace('docker://', ''));

async function runningContainers(layout: ClusterLayout): Promise<ReadonlySet<string>> {
  return new Set((await Promise.all(layout.nodeList.map((node) => engineApi(node.dockerSocket).containers()))).flat());
}

/** The NodePort on every node's address, from this machine. */
export function checkNodePorts({ layout, clock }: DemoContext): Promise<readonly Check[]> {
  return Promise.all(
    layout.nodeList.map(async (node) => {
      const url = `http://${node.address}:${APP_NODE_PORT}/`;
      const status = await waitFor(() => answered(httpStatus(url)), { clock, timeout_ms: ANSWER_TIMEOUT_MS, what: url }).catch(reasonOf);
      return { url, from: 'this machine', what: `NodePort on ${node.name}`, status };
    }),
  );
}

/** The Service by cluster IP, then by DNS name, from inside one of its pods. */
export async function checkFromPod(context: DemoContext, pod: Pod): Promise<readonly Check[]> {
  const service = await context.admin.client.get(services, { namespace: NAMESPACE_DEFAULT, name: APP });
  const targets = [
    { url: `http://${service.spec?.clusterIP}/`, what: 'ClusterIP' },
    { url: `http://${APP}/`, what: 'DNS name' },
  ];
  const statuses = await statusesFromPod(
    context,
    pod,
    targets.map((target) => target.url),
  );
  return targets.map((target, i) => ({ ...target, from: `pod ${pod.metadata.name}`, status: statuses[i]! }));
}

/** One exec asks for all of them, and is made again until all have answered. */
async function statusesFromPod(
  { layout, kubectl, clock }: DemoContext,
  pod: Pod,
  urls: readonly string[],
): Promise<readonly (number | string)[]> {
  const exec = [
    '--kubeconfig',
    layout.kubeconfig,
    'exec',
    '-n',
    NAMESPACE_DEFAULT,
    pod.metadata.name!,
    '--',
    'sh',
    '-c',
    STATUS_SCRIPT,
    'sh',
    ...urls,
  ];
  let last: readonly (number | string)[] = urls.map(() => 'no answer');
  const ask = async () => {
    try {
      const lines = (await run(kubectl, exec, { timeout_ms: EXEC_TIMEOUT_MS })).trim().split('\n');
      last = urls.map((_, i) => Number(lines[i]) || 'no answer');
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      last = urls.map(() => `kubectl exec: ${error.stderr.trim().split('\n').at(-1)}`);
    }
    return last.every((status) => status === 200) ? last : undefined;
  };
  return waitFor(ask, { clock, timeout_ms: ANSWER_TIMEOUT_MS, interval_ms: EXEC_INTERVAL_MS, what: 'exec' }).catch((error: unknown) => {
    if (error instanceof UserError) return last;
    throw error;
  });
}

/** Prints an HTTP status a line: by curl, which the official nginx image has, or by the wget that busybox has. */
const STATUS_SCRIPT = `
for url in "$@"; do
  if command -v curl >/dev/null; then
    curl -s -o /dev/null -m 2 -w '%{http_code}\\n' "$url"
  else
    status=$(timeout 2 wget -S -O /dev/null "$url" 2>&1 | sed -n 's|^ *HTTP/[0-9.]* \\([0-9]*\\).*|\\1|p')
    echo "\${status:-000}"
  fi
done`;

function httpStatus(url: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const outgoing = request(url, { agent: false, timeout: HTTP_TIMEOUT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    outgoing.on('timeout', () => outgoing.destroy());
    // No rule, no pod or no route yet: asked again until the time-out.
    outgoing.on('error', () => resolve(undefined));
    outgoing.end();
  });
}

const answered = async (status: Promise<number | undefined>) => ((await status) === 200 ? 200 : undefined);

function reasonOf(error: unknown): string {
  if (error instanceof UserError) return 'no answer';
  throw error;
}
