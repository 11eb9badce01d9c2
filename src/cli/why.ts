// `porthole why service/NAME`: which rules on which node carry a Service, and where a connection to it fails. `porthole why pod/NAME`: why it is
// where it is. `porthole why --graph`: which controller reacts to what.
import { isIPv4 } from 'node:net';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Place } from './why/gather.js';
import { type Session, withKubeconfig } from './with-kubeconfig.js';

interface Flags {
  readonly namespace?: string;
  readonly node?: string;
  readonly from?: Place;
  readonly output?: 'json' | 'text' | 'dot';
  readonly graph?: boolean;
  readonly filename?: string;
  readonly scheduler?: string;
  readonly certificateAuthority?: string;
  readonly kubeconfig?: string;
}

interface Target {
  readonly kind: 'service' | 'pod';
  /** Absent: it is in the file. */
  readonly name?: string;
}

function target(text: string): Target {
  const [, kind, name] = /^(services?|svc|pods?|po)(?:\/([^/]+))?$/.exec(text) ?? [];
  if (kind?.startsWith('p')) return { kind: 'pod', ...(name ? { name } : {}) };
  if (!name) throw new InvalidArgumentError('it must be a Service or a pod, such as service/web or pod/web.');
  return { kind: 'service', name };
}

/** As kubectl diff: 1 says what was asked for, above that it could not be told. */
const STATUS_FAILS = 1;
const STATUS_UNKNOWN = 2;

/** Nobody's (RFC 5737): for whoever does not say from where outside. */
const SOMEWHERE = '198.51.100.1';

function place(text: string): Place {
  if (text === 'outside' || isIPv4(text)) return { outside: text === 'outside' ? SOMEWHERE : text };
  const [, node] = /^(?:node|nodes|no)\/([^/]+)$/.exec(text) ?? [];
  if (node) return { node };
  const [, namespace, name] = /^(?:pod|pods|po)\/(?:([^/]+)\/)?([^/]+)$/.exec(text) ?? [];
  if (name) return { pod: { name, ...(namespace ? { namespace } : {}) } };
  throw new InvalidArgumentError('it must be pod/NAME (pod/NAMESPACE/NAME in another namespace), node/NAME, outside, or an IPv4 address.');
}

export const whyCommand = new Command('why')
  .description(
    'Show why a pod is where it is or where one would go; which rules on which node carry a Service, and where a connection to it fails',
  )
  .argument('[service/NAME|pod/NAME]', 'the Service or the pod; `pod` alone with -f', target)
  .option('-n, --namespace <namespace>', "the namespace of it; else the kubeconfig's, or default")
  .option('-f, --filename <file>', 'where a pod of this file would go, without creating it; - for standard input')
  .option('--scheduler <url>', "ask a scheduler of its own process for decisions, such as https://127.0.0.1:10259; else the API server's")
  .option('--certificate-authority <file>', "of that scheduler's certificate, where it has --tls-cert-file; else whose it is is not asked")
  .option('--node <name>', 'the rules of this node only')
  .option(
    '--from <place>',
    'walk from there, hop by hop: pod/NAME, pod/NAMESPACE/NAME, node/NAME, outside (by --node), or an address',
    place,
  )
  .addOption(new Option('-o, --output <format>', 'print it all as data').choices(['json', 'text', 'dot']))
  .option('--graph', 'print which controller reacts to what and writes what; -o dot for Graphviz')
  .option('--kubeconfig <file>', 'a kubeconfig; else $KUBECONFIG, the local cluster, ~/.kube/config')
  .action(async (about: Target | undefined, flags: Flags, command: Command) => {
    if (flags.graph) return printGraph(flags.output);
    const wrong = wrongUse(about, flags);
    if (wrong) return command.error(`error: ${wrong}`);
    const { kubeconfigPath } = await import('./why/kubeconfig-path.js');
    const explain = about!.kind === 'pod' ? explainPod : explainService;
    const path = await kubeconfigPath(flags.kubeconfig);
    await withKubeconfig('porthole why', path, 'give a --kubeconfig', (session) => explain(session, flags, about!.name));
  });

function wrongUse(about: Target | undefined, { output, filename }: Flags): string | undefined {
  if (!about) return 'say what to explain, such as service/web or pod/web, or give --graph';
  if (output === 'dot') return '-o dot is for --graph';
  if (about.kind === 'service') return filename === undefined ? undefined : '-f is for pods';
  if (about.name !== undefined && filename !== undefined) return 'a pod is there, or in a file: give its name or -f, not both';
  return about.name === undefined && filename === undefined ? 'say which pod, such as pod/web, or give -f' : undefined;
}

const namespaceOf = (session: Session, flags: Flags) => flags.namespace ?? session.namespace ?? 'default';

async function explainService(session: Session, flags: Flags, name: string | undefined): Promise<string> {
  const [{ gather }, { findHops }, { printWhy }] = await Promise.all([
    import('./why/gather.js'),
    import('./why/hops.js'),
    import('./why/print.js'),
  ]);
  process.exitCode = STATUS_UNKNOWN;
  const facts = await gather(session, { ...flags, namespace: namespaceOf(session, flags), name: name! });
  const hops = findHops(facts);
  process.exitCode = hops.some(({ ok }) => !ok) ? STATUS_FAILS : 0;
  return flags.output === 'json' ? JSON.stringify({ nodes: facts.nodes, hops }, undefined, 2) : printWhy(facts, hops);
}

async function explainPod(session: Session, flags: Flags, name: string | undefined): Promise<string> {
  const [{ whyPod }, { schedulerTransport }, { readText }] = await Promise.all([
    import('./why/pod.js'),
    import('./why/scheduler-transport.js'),
    import('./why/read-text.js'),
  ]);
  const { filename, output, scheduler } = flags;
  const file = filename === undefined ? undefined : await readText(filename);
  const authority = flags.certificateAuthority && (await readText(flags.certificateAuthority, '--certificate-authority'));
  const decider = scheduler ? schedulerTransport(scheduler, session, authority) : session.transport;
  const { text, placed } = await whyPod(session.transport, decider, {
    namespace: namespaceOf(session, flags),
    ...(name && { name }),
    ...(file !== undefined && { file }),
    ...(output && { output }),
  });
  if (!placed) process.exitCode = STATUS_FAILS;
  return text;
}

/** Of the controllers of this program: no cluster need run. */
async function printGraph(output: Flags['output']): Promise<void> {
  const [{ controllers }, { controllerGraph, graphDot, graphText }] = await Promise.all([
    import('../controllers/index.js'),
    import('../controllers/graph.js'),
  ]);
  const graph = controllerGraph(controllers);
  const text = output === 'json' ? JSON.stringify(graph, undefined, 2) : output === 'dot' ? graphDot(graph) : graphText(graph);
  process.stdout.write(`${text}\n`);
}
