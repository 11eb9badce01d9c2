// How many connections the kernel tracks, and for how long: raised to what the configuration says, as every Service's traffic is tracked.
import type { Logger } from '../../src/apimachinery/logger.js';
import type { KubeProxySettings } from '../config/kube-proxy-configuration.js';
import type { Sysctls } from './node-setup.js';

export interface ConntrackLimitsOptions {
  readonly sysctls: Sysctls;
  readonly settings: KubeProxySettings['conntrack'];
  readonly cores: number;
  readonly log: Logger;
}

const FOLDER = 'net/netfilter/nf_conntrack_';
/** The kernel looks through a bucket's entries one by one. */
const ENTRIES_PER_BUCKET = 4;

/** What is higher already stays. A machine that refuses (a container with /proc/sys read-only) is told of in the log, and goes on as it is. */
export async function raiseConntrackLimits({ sysctls, settings, cores, log }: ConntrackLimitsOptions): Promise<void> {
  const max = settings.maxPerCore > 0 ? Math.max(settings.min, settings.maxPerCore * cores) : 0;
  const wanted: readonly (readonly [string, number])[] = [
    ['max', max],
    ['buckets', Math.ceil(max / ENTRIES_PER_BUCKET)],
    ['tcp_timeout_established', settings.tcpEstablishedTimeout / 1000],
    ['tcp_timeout_close_wait', settings.tcpCloseWaitTimeout / 1000],
    ['udp_timeout', settings.udpTimeout / 1000],
    ['udp_timeout_stream', settings.udpStreamTimeout / 1000],
    ['tcp_be_liberal', settings.tcpBeLiberal ? 1 : 0],
  ];
  for (const [name, value] of wanted) {
    const before = Number((await sysctls.read(FOLDER + name)) ?? Number.NaN);
    // NaN: the kernel has no such setting.
    if (!(before < value)) continue;
    const about = { sysctl: (FOLDER + name).replaceAll('/', '.'), before, value };
    try {
      await sysctls.write(FOLDER + name, String(value));
      log.info(about, 'sysctl set');
    } catch (error) {
      log.warn({ ...about, err: error }, 'connection tracking stays as it is: the sysctl cannot be set');
    }
  }
}
