// `porthole why service/NAME`: which rules on which node carry a Service, and where a connection to it fails.
import { Command, InvalidArgumentError, Option } from 'commander';
import { withKubeconfig } from './with-kubeconfig.js';

interface Flags {
  readonly namespace: string;
  readonly node?: string;
  readonly from?: PodReference;
  readonly output?: 'json';
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
  .argument('<service/NAME>', 'the Service', serviceName)
  .option('-n, --namespace <namespace>', "the Service's namespace", 'default')
  .option('--node <name>', 'the rules of this node only')
  .option('--from <pod/NAME>', 'walk from this pod, hop by hop; pod/NAMESPACE/NAME where it is in another namespace', podReference)
  .addOption(new Option('-o, --output <format>', 'print it all as data').choices(['json']))
  .option('--kubeconfig <file>', 'a kubeconfig with a client certificate in it; else $KUBECONFIG, the local cluster, ~/.kube/config')
  .action(async (name: string, flags: Flags) => {
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
