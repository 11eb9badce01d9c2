// `porthole why pod`: asks for the decisions about a pod that is there, or what would become of those of a file.
import type { JsonObject } from '../../apimachinery/json.js';
import { resourcePath } from '../../client/api-client.js';
import type { Transport } from '../../client/client.js';
import { DECISIONS, type PodDecisions } from '../../client/pod-decisions.js';
import { pods } from '../../kinds/core/pod.js';
import { podsOf } from './pod-file.js';
import { printPodDecisions } from './pod-print.js';

export interface PodWish {
  readonly namespace: string;
  /** Of a pod that is there. */
  readonly name?: string;
  /** The text of a file with pods that are not. */
  readonly file?: string;
  readonly output?: string;
}

export interface Said {
  readonly text: string;
  /** Each pod has a node, or would get one. */
  readonly placed: boolean;
}

/** `api` is the API server; `scheduler` answers for decisions, which is the API server too, or a scheduler of its own process. */
export async function whyPod(api: Transport, scheduler: Transport, { namespace, name, file, output }: PodWish): Promise<Said> {
  if (file === undefined) {
    const answer = (await scheduler.request({ method: 'GET', path: pathOf(namespace, name!), query: none() })) as PodDecisions;
    return { text: output === 'json' ? json(answer) : printPodDecisions(answer), placed: answer.pod.node !== undefined };
  }
  const { pods: found, others } = podsOf(file, namespace);
  const answers: PodDecisions[] = [];
  for (const pod of found) answers.push(await tryOut(api, scheduler, pod));
  const notes = [
    ...(found.length > 1 ? ['Each pod is looked at by itself, as if the others were not there.'] : []),
    ...(others.length > 0 ? [`Left out, since no pods are made of them: ${others.join(', ')}.`] : []),
  ];
  const text = output === 'json' ? json(answers) : [...answers.map(printPodDecisions), ...notes].join('\n\n');
  return { text, placed: answers.every(({ decisions }) => decisions[0]?.node !== undefined) };
}

/** Where the scheduler is not beside the API server, that says first whether the pod may be, and with which defaults. */
async function tryOut(api: Transport, scheduler: Transport, pod: JsonObject): Promise<PodDecisions> {
  const { namespace, name, generateName } = pod['metadata'] as { namespace: string; name?: string; generateName?: string };
  const post = (to: Transport, path: string, query: URLSearchParams, body: unknown) =>
    to.request({ method: 'POST', path, query, contentType: 'application/json', body });
  // What is misspelt would be answered for as if it were not there.
  const strict = { fieldValidation: 'Strict' };
  const body =
    api === scheduler ? pod : await post(api, resourcePath(pods, namespace), new URLSearchParams({ dryRun: 'All', ...strict }), pod);
  return (await post(scheduler, pathOf(namespace, name ?? `${generateName}new`), new URLSearchParams(strict), body)) as PodDecisions;
}

const pathOf = (namespace: string, name: string) => resourcePath(pods, namespace, name, DECISIONS);
const none = () => new URLSearchParams();
const json = (value: object) => JSON.stringify(value, undefined, 2);
