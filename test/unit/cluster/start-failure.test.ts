// Why the control plane did not start: one line, with the cause and the way out.
import { expect, test } from 'vitest';
import { serviceUnavailable } from '../../../src/apimachinery/status.js';
import { UserError } from '../../../src/cluster/local/user-error.js';
import { startFailure } from '../../../src/cluster/start-failure.js';

const context = { dataDir: '/data', bindAddress: '0.0.0.0', securePort: 6443 };
const failing = (code: string, path?: string) => Object.assign(new Error(`${code}: x`), { code, ...(path && { path }) });

test.each([
  [failing('EADDRINUSE'), /^port 6443 on 0.0.0.0 is already in use: stop what listens there .* or give another --secure-port$/],
  [failing('EADDRNOTAVAIL'), /--bind-address/],
  [new Error('cannot listen', { cause: failing('EADDRINUSE') }), /^port 6443 on 0.0.0.0 is already in use/],
  [failing('EACCES', '/data/server'), /no permission.*sudo/],
  [failing('EROFS', '/data'), /read-only/],
  [failing('ENOSPC'), /^no disk space left for \/data/],
  [serviceUnavailable('could not write: IO error: /data/server/etcd/3.log: No space left on device'), /^no disk space left for \/data:/],
  [serviceUnavailable('the store is not available: x'), /^the store is not available: x$/],
  [failing('EEXIST', '/data'), /something else of that name/],
  [new UserError('do this'), /^do this$/],
])('%s', (error, line) => {
  expect(startFailure(error, context)).toMatch(line);
  expect(startFailure(error, context)).not.toContain('\n');
});

test('a defect is none of these and keeps its stack', () => {
  expect(startFailure(new TypeError('x is undefined'), context)).toBeUndefined();
});
