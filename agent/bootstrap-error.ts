// BootstrapError: why a node cannot join, as the one line that the person who started the agent is shown.
export class BootstrapError extends Error {
  override readonly name = 'BootstrapError';
}
