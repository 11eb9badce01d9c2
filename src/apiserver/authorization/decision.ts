// Decision: what an authoriser says of a request.
export interface Decision {
  readonly allowed: boolean;
  /** Why, as the user is told; often there is nothing to say. */
  readonly reason: string;
}

export const NO_OPINION: Decision = { allowed: false, reason: '' };
