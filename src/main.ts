// The command line: picks the command and loads only that one; each command is one file.
import { Command } from 'commander';

const COMMANDS: { readonly [name: string]: () => Promise<Command> } = {
  up: async () => (await import('./cli/up.js')).upCommand,
  down: async () => (await import('./cli/down.js')).downCommand,
  clean: async () => (await import('./cli/clean.js')).cleanCommand,
  why: async () => (await import('./cli/why.js')).whyCommand,
  kubectl: async () => (await import('./cli/kubectl.js')).kubectlCommand,
  server: async () => (await import('./cli/server.js')).serverCommand,
  apiserver: async () => (await import('./cli/apiserver.js')).apiserverCommand,
  'controller-manager': async () => (await import('./cli/controller-manager.js')).controllerManagerCommand,
  scheduler: async () => (await import('./cli/scheduler.js')).schedulerCommand,
  etcd: async () => (await import('./cli/etcd.js')).etcdCommand,
  token: async () => (await import('./cli/token.js')).tokenCommand,
  agent: async () => (await import('../agent/main.js')).agentCommand,
};

const ABOUT = `Porthole runs containers on Linux machines as Kubernetes does, and shows how.

On one machine:   porthole up         three nodes, each a network namespace with its own Docker Engine
                  porthole kubectl    kubectl against that cluster
                  porthole why        which rules on which node carry a Service, and where a connection to it fails
                  porthole down       stop it, keep the data; clean: leave no trace
On several:       porthole server     the control plane, on one of them
                  porthole token      a token to join with
                  porthole agent      on each node
By themselves:    porthole apiserver  the API server, over an etcd cluster
                  porthole controller-manager   the controllers, one of several at work
                  porthole scheduler            the scheduler, likewise
                  porthole etcd       the store: serve it, save and restore it, show its history, move it`;

const program = new Command('porthole').description(ABOUT).helpCommand(false).enablePositionalOptions();
const wanted = COMMANDS[process.argv[2] ?? ''];
for (const load of wanted ? [wanted] : Object.values(COMMANDS)) program.addCommand(await load());
await program.parseAsync();
