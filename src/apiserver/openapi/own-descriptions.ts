// Texts for the fields that are newer than the package whose texts the build takes, or that it has none for.
export const OWN_DESCRIPTIONS: { readonly [type: string]: { readonly [field: string]: string } } = {
  V1NodeStatus: {
    declaredFeatures: 'Features of the node that depend on how it is configured, as the kubelet tells them to the scheduler.',
  },
  V1PodCertificateProjection: {
    userAnnotations:
      'Further demands on the certificate, passed on to the signer, which knows what they mean and refuses what it does not.',
  },
  V1PodSpec: { workloadRef: 'The Workload, and the group within it, that the pod belongs to, for scheduling it together with the others.' },
  V1PodStatus: { allocatedResources: 'The resources that the node has set aside for the pod as a whole.' },
  V1WorkloadReference: {
    '': 'Which group of a Workload a pod belongs to.',
    name: 'The Workload, in the namespace of the pod.',
    podGroup: 'The group within the Workload.',
    podGroupReplicaKey: 'Which replica of the group, where there are several.',
  },
};
