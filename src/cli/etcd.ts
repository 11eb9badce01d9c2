// `porthole etcd`: serves the store alone, with etcd's flags; its subcommands save and restore it, show its history and move it.
import { Command, Option } from 'commander';
import { systemClock } from '../apimachinery/clock.js';
import type { AutoCompaction } from '../etcd/auto-compaction.js';
import type { ListenUrl } from '../etcd/grpc/server.js';
import { PORT_ETCD } from '../kinds/wellknown.js';
import { etcdFailure, fileText } from './etcd-common.js';
import { etcdCopyCommand } from './etcd-copy.js';
import { etcdLogCommand } from './etcd-log.js';
import { etcdSnapshotCommand } from './etcd-snapshot.js';
import { bool, duration_ms, list, listenUrls, positiveDuration_ms, verbosity } from './flags.js';
import { stopOnSignal } from './stop-on-signal.js';

interface Flags {
  readonly name: string;
  readonly dataDir?: string;
  readonly listenClientUrls: readonly ListenUrl[];
  readonly advertiseClientUrls?: readonly string[];
  readonly initialCluster?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly trustedCaFile?: string;
  readonly clientCertAuth?: boolean;
  readonly listenMetricsUrls?: readonly ListenUrl[];
  readonly experimentalWatchProgressNotifyInterval?: number;
  readonly autoCompactionMode: string;
  readonly autoCompactionRetention: string;
  readonly v: number;
}

/** So that etcd's command lines, kubeadm's among them, can be used as they are. */
const NOTES = `
Flags about peers, and --snapshot-count, are taken and have no effect: a single member has no peers and no log to share with them.
The database is always checked at start, with or without --experimental-initial-corrupt-check.`;

export const etcdCommand = new Command('etcd')
  .description("Serve the store alone over etcd's v3 API, with etcd's flags; or save, restore, show and move a store")
  .enablePositionalOptions()
  .option('--name <name>', 'what the member is called', 'default')
  .option('--data-dir <dir>', 'where the state is kept (default: <name>.etcd)')
  .option('--listen-client-urls <urls>', 'where clients are served', listenUrls, listenUrls(`http://localhost:${PORT_ETCD}`))
  .option('--advertise-client-urls <urls>', 'what clients are told to connect to (default: as it listens)', list)
  .option('--initial-cluster <members>', 'NAME=URL of the one member; more than one is refused')
  .option('--cert-file <file>', 'certificate for https URLs')
  .option('--key-file <file>', 'its key')
  .option('--trusted-ca-file <file>', "authority of the clients' certificates")
  .option('--client-cert-auth [bool]', 'only serve clients with a certificate of that authority', bool)
  .option('--listen-metrics-urls <urls>', 'http URLs to serve /metrics and /health on, besides', listenUrls)
  .option('--experimental-watch-progress-notify-interval <duration>', 'how often idle watches are told of progress', positiveDuration_ms)
  .option('--auto-compaction-mode <mode>', 'periodic or revision', 'periodic')
  .option('--auto-compaction-retention <length>', 'history to keep: hours or a duration, or revisions; 0: all', '0')
  .option('-v, --v <level>', 'verbosity of the log, 0 to 10', verbosity, 0)
  .addOption(new Option('--listen-peer-urls <urls>').hideHelp())
  .addOption(new Option('--initial-advertise-peer-urls <urls>').hideHelp())
  .addOption(new Option('--initial-cluster-state <state>').hideHelp())
  .addOption(new Option('--initial-cluster-token <token>').hideHelp())
  .addOption(new Option('--peer-cert-file <file>').hideHelp())
  .addOption(new Option('--peer-key-file <file>').hideHelp())
  .addOption(new Option('--peer-trusted-ca-file <file>').hideHelp())
  .addOption(new Option('--peer-client-cert-auth [bool]').hideHelp())
  .addOption(new Option('--snapshot-count <n>').hideHelp())
  .addOption(new Option('--experimental-initial-corrupt-check [bool]').hideHelp())
  .addHelpText('after', NOTES)
  .action(serve)
  .addCommand(etcdSnapshotCommand)
  .addCommand(etcdLogCommand)
  .addCommand(etcdCopyCommand);

async function serve(flags: Flags): Promise<void> {
  await etcdFailure('porthole etcd', async () => {
    refuseMembers(flags);
    const tls = await tlsOf(flags);
    const [{ parseAutoCompaction, startAutoCompaction }, { openLevelBackend }, { serveEtcd }, { createLogger }] = await Promise.all([
      import('../etcd/auto-compaction.js'),
      import('../etcd/leveldb.js'),
      import('../etcd/grpc/server.js'),
      import('../cluster/logger.js'),
    ]);
    const policy: AutoCompaction | undefined = parseAutoCompaction(flags.autoCompactionMode, flags.autoCompactionRetention, duration_ms);
    const clock = systemClock;
    const log = createLogger('etcd', flags.v);
    const backend = await openLevelBackend({ dir: flags.dataDir ?? `${flags.name}.etcd`, clock, log });
    const { advertiseClientUrls, experimentalWatchProgressNotifyInterval: interval_ms } = flags;
    const serving = serveEtcd({
      backend,
      name: flags.name,
      listen: flags.listenClientUrls,
      ...(flags.listenMetricsUrls && { listenMetrics: flags.listenMetricsUrls }),
      ...(interval_ms !== undefined && { progressNotifyInterval_ms: interval_ms }),
      ...(advertiseClientUrls && { advertiseClientUrls }),
      ...(tls && { tls }),
      clock,
      log,
    });
    const server = await serving.catch(async (error) => {
      await backend.close();
      throw error;
    });
    const compaction = policy && startAutoCompaction({ backend, policy, clock, log });
    stopOnSignal(
      async () => {
        compaction?.stop();
        await server.close();
        await backend.close();
      },
      (signal) => log.info({ signal }, 'stopping'),
    );
  });
}

function refuseMembers({ initialCluster, name }: Flags): void {
  const names = [...new Set((initialCluster ?? '').split(',').map((member) => member.split('=')[0]!.trim()))].filter((n) => n !== '');
  if (names.length > 1)
    throw new Error(
      `--initial-cluster has ${names.length} members (${names.join(', ')}), and this store is always a single one: run an etcd cluster ` +
        'instead, move the data there with `porthole etcd copy --from URL --to URL`, and start `porthole apiserver --etcd-servers URL,URL,URL`',
    );
  if (names[0] !== undefined && names[0] !== name)
    throw new Error(`--initial-cluster names ${names[0]}, and --name is ${name}: they must agree`);
}

async function tlsOf({ listenClientUrls: urls, certFile, keyFile, trustedCaFile, clientCertAuth }: Flags) {
  if (clientCertAuth && !trustedCaFile) throw new Error('--client-cert-auth needs --trusted-ca-file, to check the certificates by');
  if (!certFile !== !keyFile) throw new Error('--cert-file and --key-file belong together: give both');
  if (!certFile || !keyFile) {
    if (urls.some(({ secure }) => secure)) throw new Error('an https URL in --listen-client-urls needs --cert-file and --key-file');
    return undefined;
  }
  const [cert, key] = [await fileText(certFile), await fileText(keyFile)];
  return { cert, key, ...(clientCertAuth && { clientCa: await fileText(trustedCaFile!) }) };
}
