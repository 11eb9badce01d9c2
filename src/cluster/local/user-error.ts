// UserError: what a person can put right. Its message is the one line that they are shown: the cause, then the way out.
export class UserError extends Error {
  override readonly name = 'UserError';
}
