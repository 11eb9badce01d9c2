// `porthole why service/NAME`: which rules on which node carry a Service, and where a connection to it fails. `porthole why --graph`: which
// controller reacts to what.
import { Command, InvalidArgumentError, Option } from 'commander';
import { withKubeconfig } from './with-kubeconfig.js';

interface Flags {
  readonly namespace: string;
  readonly node?: string;
  readonly from?: PodReference;
  readonly output?: 'json' | 'text' | 'dot';
  readonly graph?: boolean;
  readonly kubeconfig?: string;
}

interface PodReference {
  /** Absent: the Service's own. */
  readonly namespace?: string;
  readonly name: string;
}

function serviceName(text: string): string {
  const [, name] = /^(?:service|services|svc)\/([^/]+)$/.exec(text) ?? [];
  if (!name) throw new InvalidArgumentError('it must be a Service, such as service/web.');
  return name;
}

function podReference(text: string): PodReference {
  const [, namespace, name] = /^(?:pod|pods|po)\/(?:([^/]+)\/)?([^/]+)$/.exec(text) ?? [];
  if (!name) throw new InvalidArgumentError('it must be a pod, such as pod/client, or pod/NAMESPACE/client in another namespace.');
  return { name, ...(namespace ? { namespace } : {}) };
}

export const whyCommand = new Command('why')
  .description('Show which rules on which node carry a Service, and walk a connection to it until it fails')
  .argument('[service/NAME]', 'the Service', serviceName)
  .option('-n, --namespace <namespace>', "the Service's namespace", 'default')
  .option('--node <name>', 'the rules of this node only')
  .option('--from <pod/NAME>', 'walk from this pod, hop by hop; pod/NAMESPACE/NAME where it is in another namespace', podReference)
  .addOption(new Option('-o, --output <format>', 'print it all as data').choices(['json', 'text', 'dot']))
  .option('--graph', 'print which controller reacts to what and writes what; -o dot for Graphviz')
  .option('--kubeconfig <file>', 'a kubeconfig with a client certificate in it; else $KUBECONFIG, the local cluster, ~/.kube/config')
  .action(async (name: string | undefined, flags: Flags, command: Command) => {
    if (flags.graph) return printGraph(flags.output);
    if (name === undefined) return command.error('error: say what to explain, such as service/web, or give --graph');
    if (flags.output === 'dot') return command.error('error: -o dot is for --graph');
    const { kubeconfigPath } = await import('./why/kubeconfig-path.js');
    await withKubeconfig('porthole why', await kubeconfigPath(flags.kubeconfig), 'give a --kubeconfig', async (session) => {
      const [{ gather }, { findHops }, { printWhy }] = await Promise.all([
        import('./why/gather.js'),
        import('./why/hops.js'),
        import('./why/print.js'),
      ]);
      const facts = await gather(session, { ...flags, name });
      const hops = findHops(facts);
      if (hops.some(({ ok }) => !ok)) process.exitCode = 1;
      return flags.output === 'json' ? JSON.stringify({ nodes: facts.nodes, hops }, undefined, 2) : printWhy(facts, hops);
    });
  });

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
