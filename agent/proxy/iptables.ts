// The Iptables contract, and its implementation by the machine's own programs, in whichever backend the namespace already uses.
import type { Logger } from '../../src/apimachinery/logger.js';
import { type Exec, ExecError } from './exec.js';

export type Table = 'nat' | 'filter' | 'mangle';
export type Backend = 'nft' | 'legacy';

/** The packet filter of one network namespace. All methods reject with an ExecError. */
export interface Iptables {
  readonly backend: Backend;
  /** Applies `iptables-restore` input on top of what is there; each table in it is changed as a whole or not at all. */
  restore(input: string): Promise<void>;
  /** The table as `iptables-save` prints it; with counters each rule begins with `[packets:bytes]`. */
  save(table: Table, options?: { readonly counters?: boolean }): Promise<string>;
  /** All tables that are in use, one after another: at the price of one, with nft. */
  saveAll(): Promise<string>;
  /** The rules of one chain as `-A` lines; undefined where there is no such chain. */
  list(table: Table, chain: string): Promise<readonly string[] | undefined>;
}

/** How long to wait for another program that holds the xtables lock. */
const LOCK_WAIT_S = '5';

/** Finds the backend, or takes the given one. Rejects where iptables is not installed. */
export async function openIptables(options: { exec: Exec; log: Logger; backend?: Backend }): Promise<Iptables> {
  const { exec, log } = options;
  const backend = options.backend ?? (await findBackend(exec));
  log.info({ backend }, 'iptables backend chosen');
  const program = `iptables-${backend}`;
  return {
    backend,
    async restore(input) {
      await exec(`${program}-restore`, ['--noflush', '-w', LOCK_WAIT_S], { stdin: input });
    },
    save: (table, { counters } = {}) => exec(`${program}-save`, ['-t', table, ...(counters ? ['-c'] : [])]),
    saveAll: () => exec(`${program}-save`, []),
    async list(table, chain) {
      try {
        const out = await exec(program, ['-w', LOCK_WAIT_S, '-t', table, '-S', chain]);
        return out.split('\n').filter((line) => line.startsWith('-A '));
      } catch (error) {
        if (error instanceof ExecError && NO_SUCH_CHAIN.test(error.stderr)) return undefined;
        throw error;
      }
    },
  };
}

const NO_SUCH_CHAIN = /No chain\/target\/match by that name|does not exist|Table .* incompatible/;

/**
 * One backend per namespace: rules of both are applied, and even listing by the legacy programs creates tables. So legacy only
 * where legacy tables are in use already, with our chains or with more rules than nft has; else what `iptables` itself is.
 */
async function findBackend(exec: Exec): Promise<Backend> {
  if (await hasLegacyTables(exec)) {
    const legacy = await exec('iptables-legacy-save', []);
    const nft = await exec('iptables-nft-save', []);
    if (hasOurs(nft) !== hasOurs(legacy)) return hasOurs(nft) ? 'nft' : 'legacy';
    if (countRules(legacy) !== countRules(nft)) return countRules(legacy) > countRules(nft) ? 'legacy' : 'nft';
  } else if (hasOurs(await exec('iptables-nft-save', []))) {
    return 'nft';
  }
  return (await exec('iptables', ['-V'])).includes('nf_tables') ? 'nft' : 'legacy';
}

/** Read by a child, as all else is, so that it concerns the namespace that the other programs run in. */
async function hasLegacyTables(exec: Exec): Promise<boolean> {
  try {
    return (await exec('cat', ['/proc/net/ip_tables_names'])).trim() !== '';
  } catch (error) {
    // No such file: the kernel has no legacy iptables, or has not loaded it.
    if (error instanceof ExecError && error.code === 1) return false;
    throw error;
  }
}

const hasOurs = (saved: string) => saved.includes('\n:KUBE-SERVICES ');
const countRules = (saved: string) => saved.match(/^-A /gm)?.length ?? 0;
