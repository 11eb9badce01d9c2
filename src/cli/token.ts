// `porthole token create|list|delete`: the tokens that nodes join with.
import { Command } from 'commander';
import { systemClock, systemRandom } from '../apimachinery/clock.js';
import { DEFAULT_DATA_DIR, dataPaths } from '../cluster/data-paths.js';
import type { TokenInfo } from '../cluster/tokens.js';
import { duration_ms } from './flags.js';
import { type Session, withKubeconfig } from './with-kubeconfig.js';

interface Flags {
  readonly dataDir: string;
  readonly kubeconfig?: string;
}

interface CreateFlags extends Flags {
  readonly ttl: number;
  readonly description?: string;
  readonly printJoinCommand?: boolean;
}

const DAY_ms = 24 * 3600_000;

const subcommand = (name: string, description: string) =>
  new Command(name)
    .description(description)
    .option('--data-dir <dir>', "the server's data directory, for its admin kubeconfig", DEFAULT_DATA_DIR)
    .option('--kubeconfig <file>', 'another kubeconfig with a client certificate in it');

const create = subcommand('create', 'make a token and print it')
  .option('--ttl <duration>', 'how long it can be used; 0: for ever', duration_ms, DAY_ms)
  .option('--description <text>', 'what it is for, for the list')
  .option('--print-join-command', 'print the whole command to run on the new node')
  .action((flags: CreateFlags) =>
    withServer(flags, async ({ client, ca, server }) => {
      const { createToken } = await import('../cluster/tokens.js');
      const { ttl, description } = flags;
      const about = description === undefined ? {} : { description };
      const token = await createToken({ client, ca, ttl_ms: ttl, ...about, clock: systemClock, random: systemRandom });
      return flags.printJoinCommand ? `porthole agent --server ${server} --token ${token}` : token;
    }),
  );

const list = subcommand('list', 'show the tokens that there are').action((flags: Flags) =>
  withServer(flags, async ({ client }) => {
    const { listTokens } = await import('../cluster/tokens.js');
    return table([['TOKEN', 'TTL', 'EXPIRES', 'DESCRIPTION'], ...(await listTokens(client)).map(row)]);
  }),
);

const remove = subcommand('delete', 'make tokens useless at once')
  .argument('<id...>', 'whole tokens, or the six characters before the dot')
  .action((ids: readonly string[], flags: Flags) =>
    withServer(flags, async ({ client }) => {
      const { deleteToken } = await import('../cluster/tokens.js');
      for (const id of ids) await deleteToken(client, id.split('.')[0]!);
      return ids.map((id) => `token ${id.split('.')[0]} deleted`).join('\n');
    }),
  );

export const tokenCommand = new Command('token')
  .description('Make, list and delete the tokens that nodes join with')
  .addCommand(create)
  .addCommand(list)
  .addCommand(remove);

/** Runs `act` as the cluster's admin and prints what it returns. */
function withServer({ kubeconfig, dataDir }: Flags, act: (session: Session) => Promise<string>): Promise<void> {
  const missing = 'run this on the server, or give its --data-dir or a --kubeconfig';
  return withKubeconfig('porthole token', kubeconfig ?? dataPaths(dataDir).adminKubeconfig, missing, act);
}

function row({ id, expires_ms, description }: TokenInfo): readonly string[] {
  if (expires_ms === undefined) return [id, '<forever>', '<never>', description];
  const left_min = Math.max(0, Math.floor((expires_ms - systemClock.now()) / 60_000));
  return [id, `${Math.floor(left_min / 60)}h${left_min % 60}m`, new Date(expires_ms).toISOString(), description];
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  return rows
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column]! + 3))
        .join('')
        .trimEnd(),
    )
    .join('\n');
}
