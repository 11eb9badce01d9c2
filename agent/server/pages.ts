// What port 10250 shows of the node to whoever asks: its pods, its settings, what is used, and metrics. One line a page.
import { Exposition, labelText } from '../../src/apimachinery/exposition.js';
import { writeProcess } from '../../src/apimachinery/process-metrics.js';
import { serviceUnavailable } from '../../src/apimachinery/status.js';
import { isPodActive } from '../../src/kinds/core/podutil.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import { ANNOTATION_MIRROR_POD, GIT_VERSION } from '../../src/kinds/wellknown.js';
import { configz } from '../config/load.js';
import { proxyz } from '../glassbox/proxyz.js';
import type { ContainerRuntime, RunningContainer } from '../runtime/runtime.js';
import { cadvisorMetrics } from '../stats/cadvisor-metrics.js';
import { resourceMetrics } from '../stats/resource-metrics.js';
import { type SummaryOptions, summary } from '../stats/summary.js';
import { volumeMetrics, volumeTotals } from '../stats/volume-metrics.js';
import type { KubeletServerOptions } from './options.js';
import { flag } from './query.js';

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export interface PageContext extends KubeletServerOptions, SummaryOptions {}

/** An object is sent as JSON, a text as metrics. */
type Page = (context: PageContext, query: URLSearchParams) => object | string | Promise<object | string>;

async function ownProxyz({ glassBox }: PageContext, query: URLSearchParams): Promise<object> {
  const box = glassBox?.();
  if (!box) throw serviceUnavailable('kube-proxy has not started yet');
  return proxyz(box, query);
}

export const PAGES: { readonly [path: string]: Page } = {
  '/pods': ({ lookup }) => podList(lookup.pods()),
  '/runningpods': async ({ runtime }) => podList(runningPods(await runtime.running())),
  '/configz': ({ settings }) => configz(settings),
  '/stats/summary': (context, query) => summary(context, flag(query, 'only_cpu_and_memory')),
  '/proxyz': ownProxyz,
  '/metrics': ownMetrics,
  '/metrics/resource': async ({ stats }) => resourceMetrics(await stats.snapshot()),
  '/metrics/cadvisor': async ({ stats }) => cadvisorMetrics(await stats.snapshot()),
  '/metrics/probes': ({ metrics }) => exposed((out) => metrics.writeProbes(out)),
};

const podList = (items: readonly object[]) => ({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items });

/** As the runtime knows them: what the API has forgotten is among them. */
function runningPods(running: readonly RunningContainer[]): readonly object[] {
  const pods = new Map<string, { readonly metadata: object; readonly spec: { readonly containers: object[] }; readonly status: object }>();
  for (const { podUid: uid, podName, podNamespace: namespace, name, image } of running) {
    const pod = pods.get(uid) ?? { metadata: { name: podName, namespace, uid }, spec: { containers: [] }, status: {} };
    if (name !== '') pod.spec.containers.push({ name, image, resources: {} });
    pods.set(uid, pod);
  }
  return [...pods.values()];
}

function exposed(write: (out: Exposition) => void): string {
  const out = new Exposition();
  write(out);
  return out.toString();
}

async function ownMetrics(context: PageContext): Promise<string> {
  const { metrics, runtime, nodeName, clock } = context;
  const [counts, writeTotals, writeVolumes] = await Promise.all([countRunning(runtime), volumeTotals(context), volumeMetrics(context)]);
  return exposed((out) => {
    out.single('kubelet_node_name', 'gauge', 'The name of the node.', 1, { node: nodeName });
    out.single('kubelet_running_pods', 'gauge', 'Pods whose sandbox runs.', counts.pods);
    out.metric('kubelet_running_containers', 'gauge', 'Containers by their states.');
    out.sample('kubelet_running_containers', labelText({ container_state: 'running' }), counts.containers);
    writePods(out, context.lookup.pods());
    metrics.write(out);
    writeTotals(out);
    writeVolumes(out);
    out.single('kubernetes_build_info', 'gauge', 'What is running.', 1, { git_version: GIT_VERSION });
    writeProcess(out, clock.now());
  });
}

/** What the node is to run, static pods apart. */
function writePods(out: Exposition, all: readonly Pod[]): void {
  const isStatic = ({ metadata }: Pod) => metadata.annotations?.[ANNOTATION_MIRROR_POD] !== undefined;
  const each = (name: string, help: string, pods: readonly Pod[]) => {
    out.metric(name, 'gauge', help);
    for (const [label, is] of [
      ['', (pod: Pod) => !isStatic(pod)],
      ['true', isStatic],
    ] as const)
      out.sample(name, labelText({ static: label }), pods.filter(is).length);
  };
  each('kubelet_desired_pods', 'Pods that the node was given.', all);
  each('kubelet_active_pods', 'Of them those that are not over.', all.filter(isPodActive));
  out.single('kubelet_mirror_pods', 'gauge', 'Static pods that the API shows.', all.filter(isStatic).length);
}

async function countRunning(runtime: ContainerRuntime): Promise<{ readonly pods: number; readonly containers: number }> {
  const running = await runtime.running();
  const pods = running.filter(({ name }) => name === '').length;
  return { pods, containers: running.length - pods };
}
