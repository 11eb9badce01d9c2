// createLogger: the processes' logger: pino, one line of JSON a message on standard output.
import { pino } from 'pino';
import type { Logger } from '../apimachinery/logger.js';

/** klog's verbosity from which upstream's components tell of each step. */
const DEBUG_VERBOSITY = 4;

/** `verbosity` is the number of `-v`. */
export function createLogger(component: string, verbosity: number): Logger {
  return pino({
    level: verbosity >= DEBUG_VERBOSITY ? 'debug' : 'info',
    base: { component },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}
