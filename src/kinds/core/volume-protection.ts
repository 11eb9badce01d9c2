// The finalizers that keep volumes and claims while they are in use.
export const FINALIZER_PVC = 'kubernetes.io/pvc-protection';
export const FINALIZER_PV = 'kubernetes.io/pv-protection';
