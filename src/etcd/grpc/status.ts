// gRPC's status codes, by the names that its documentation and its metrics have.

export const STATUS = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
} as const;

/** How a call has failed. */
export interface GrpcFailure {
  readonly code: number;
  readonly details: string;
}

export class GrpcError extends Error implements GrpcFailure {
  override readonly name = 'GrpcError';
  constructor(
    readonly code: number,
    readonly details: string,
  ) {
    super(details);
  }
}
