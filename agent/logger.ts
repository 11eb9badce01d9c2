// The agent's logger: pino, one line of JSON a message on standard output.
import { pino } from 'pino';
import type { Logger } from '../src/apimachinery/logger.js';

/** klog's verbosity from which upstream's kubelet tells of each step. */
const DEBUG_VERBOSITY = 4;

export function createAgentLogger(verbosity: number): Logger {
  return pino({
    level: verbosity >= DEBUG_VERBOSITY ? 'debug' : 'info',
    base: { component: 'agent' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}
