// Why this node ended a pod, or never began it: it has Failed then, whatever its containers say.
export interface Failure {
  readonly reason: string;
  readonly message: string;
  /** It was never begun, so there is nothing to say of its containers. */
  readonly rejected?: boolean;
  /** The node's need rather than the pod's own doing: what the DisruptionTarget condition says of it. */
  readonly disruption?: string;
  /** Absent: what the pod's spec gives. */
  readonly grace_s?: number;
}
