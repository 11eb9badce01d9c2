// The version that clients see: the Kubernetes release whose API this is, marked as ours.
import { GIT_VERSION, UPSTREAM_MINOR } from '../kinds/wellknown.js';

export const VERSION_INFO = {
  major: '1',
  minor: String(UPSTREAM_MINOR),
  emulationMajor: '1',
  emulationMinor: String(UPSTREAM_MINOR),
  minCompatibilityMajor: '1',
  minCompatibilityMinor: String(UPSTREAM_MINOR - 1),
  gitVersion: GIT_VERSION,
  gitCommit: '',
  gitTreeState: '',
  buildDate: '',
  goVersion: '',
  compiler: 'node',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
} as const;
