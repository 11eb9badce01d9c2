// Upstream's default roles, and kubeadm's, as rules of one line each: policy-text.ts says how they read. Ours are called porthole:
// an agent is kubelet, kube-proxy and DNS server under one node's name, so nodes may read what those need and publish their DNS.

/** What a kubelet may do, within what the Node authoriser lets each one see; also the role system:node. */
export const NODE_RULES = `
create                          authentication.k8s.io tokenreviews
create                          authorization.k8s.io  localsubjectaccessreviews,subjectaccessreviews
READ                            core                  services
create,READ                     core                  nodes
patch,update                    core                  nodes/status
patch,update                    core                  nodes
EVENTS
READ                            core                  pods
create,delete                   core                  pods
patch,update                    core                  pods/status
create                          core                  pods/eviction
READ                            core                  configmaps,secrets
get                             core                  persistentvolumeclaims,persistentvolumes
get                             core                  endpoints
create,READ                     certificates.k8s.io   certificatesigningrequests
create,delete,get,patch,update  coordination.k8s.io   leases
get                             storage.k8s.io        volumeattachments
create                          core                  serviceaccounts/token
get,patch,update                core                  persistentvolumeclaims/status
READ                            storage.k8s.io        csidrivers
create,delete,get,patch,update  storage.k8s.io        csinodes
READ                            node.k8s.io           runtimeclasses
get                             resource.k8s.io       resourceclaims
create,deletecollection,delete,READ,patch,update resource.k8s.io resourceslices
`;

export const CLUSTER_ROLES = `
role cluster-admin
* * *
* url *

role system:discovery
get url /api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/

role system:monitoring
get url /healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*

role system:basic-user
create authorization.k8s.io  selfsubjectaccessreviews,selfsubjectrulesreviews
create authentication.k8s.io selfsubjectreviews

role system:public-info-viewer
get url /healthz,/livez,/readyz,/version,/version/

role admin gathers=admin
role edit gathers=edit aggregate-to=admin
role view gathers=view aggregate-to=edit

role system:aggregate-to-admin aggregate-to=admin
create authorization.k8s.io      localsubjectaccessreviews
ALL    rbac.authorization.k8s.io rolebindings,roles

role system:aggregate-to-edit aggregate-to=edit
READ        core                pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy
impersonate core                serviceaccounts
WRITE       core                pods,pods/attach,pods/exec,pods/portforward,pods/proxy
create      core                pods/eviction
WRITE       core                configmaps,events,persistentvolumeclaims,replicationcontrollers,replicationcontrollers/scale,secrets,serviceaccounts,services,services/proxy
create      core                serviceaccounts/token
WRITE       apps                daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,replicasets/scale,statefulsets,statefulsets/scale
WRITE       autoscaling         horizontalpodautoscalers
WRITE       batch               cronjobs,jobs
WRITE       extensions          daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,networkpolicies,replicasets,replicasets/scale,replicationcontrollers/scale
WRITE       policy              poddisruptionbudgets
WRITE       networking.k8s.io   ingresses,networkpolicies
ALL         coordination.k8s.io leases
WRITE       resource.k8s.io     resourceclaims,resourceclaimtemplates

role system:aggregate-to-view aggregate-to=view
READ core              configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/status
READ core              bindings,events,limitranges,namespaces/status,pods/log,pods/status,replicationcontrollers/status,resourcequotas,resourcequotas/status
READ core              namespaces
READ discovery.k8s.io  endpointslices
READ apps              controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,replicasets,replicasets/scale,replicasets/status,statefulsets,statefulsets/scale,statefulsets/status
READ autoscaling       horizontalpodautoscalers,horizontalpodautoscalers/status
READ batch             cronjobs,cronjobs/status,jobs,jobs/status
READ extensions        daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,ingresses,ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,replicationcontrollers/scale
READ policy            poddisruptionbudgets,poddisruptionbudgets/status
READ networking.k8s.io ingresses,ingresses/status,networkpolicies
READ resource.k8s.io   resourceclaims,resourceclaims/status,resourceclaimtemplates

role system:aggregated-metrics-reader aggregate-to=view
READ metrics.k8s.io nodes,pods

role system:heapster
READ core       events,namespaces,nodes,pods
READ extensions deployments

role system:node
${NODE_RULES}
role system:node-problem-detector
get   core nodes
patch core nodes/status
EVENTS

role system:kubelet-api-admin
READ  core nodes
proxy core nodes
*     core nodes/checkpoint,nodes/configz,nodes/healthz,nodes/log,nodes/metrics,nodes/pods,nodes/proxy,nodes/spec,nodes/stats

role system:node-bootstrapper
create,READ certificates.k8s.io certificatesigningrequests

role system:auth-delegator
create authentication.k8s.io tokenreviews
create authorization.k8s.io  subjectaccessreviews

role system:kube-aggregator
READ core endpoints,services

role system:kube-controller-manager
EVENTS
create        coordination.k8s.io   leases
get,update    coordination.k8s.io   leases                  kube-controller-manager
create        core                  secrets,serviceaccounts
delete        core                  secrets
get           core                  configmaps,namespaces,secrets,serviceaccounts
update        core                  secrets,serviceaccounts
create        authentication.k8s.io tokenreviews
create        authorization.k8s.io  subjectaccessreviews
list,watch    *                     *
create        core                  serviceaccounts/token

role system:kube-dns
list,watch core endpoints,services

role system:persistent-volume-provisioner
create,delete,READ core           persistentvolumes
READ,update        core           persistentvolumeclaims
READ               storage.k8s.io storageclasses
watch              core           events
EVENTS

role system:certificates.k8s.io:certificatesigningrequests:nodeclient
create certificates.k8s.io certificatesigningrequests/nodeclient

role system:certificates.k8s.io:certificatesigningrequests:selfnodeclient
create certificates.k8s.io certificatesigningrequests/selfnodeclient

role system:volume-scheduler
READ,patch,update core           persistentvolumes
READ              storage.k8s.io storageclasses
READ,patch,update core           persistentvolumeclaims

role system:certificates.k8s.io:legacy-unknown-approver
approve certificates.k8s.io signers kubernetes.io/legacy-unknown

role system:certificates.k8s.io:kubelet-serving-approver
approve certificates.k8s.io signers kubernetes.io/kubelet-serving

role system:certificates.k8s.io:kube-apiserver-client-approver
approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client

role system:certificates.k8s.io:kube-apiserver-client-kubelet-approver
approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client-kubelet

role system:service-account-issuer-discovery
get url /.well-known/openid-configuration,/openid/v1/jwks

role system:node-proxier
list,watch core             endpoints,services
READ       core             nodes
EVENTS
list,watch discovery.k8s.io endpointslices
list,watch networking.k8s.io servicecidrs

role system:kube-scheduler
EVENTS
create       coordination.k8s.io   leases
get,list,update,watch coordination.k8s.io leases         kube-scheduler
READ         core                  nodes
delete,READ  core                  pods
create       core                  bindings,pods/binding
patch,update core                  pods/status
READ         core                  replicationcontrollers,services
READ         apps,extensions       replicasets
READ         apps                  statefulsets
READ         policy                poddisruptionbudgets
READ         core                  persistentvolumeclaims,persistentvolumes
create       authentication.k8s.io tokenreviews
create       authorization.k8s.io  subjectaccessreviews
READ         storage.k8s.io        csinodes
READ         core                  namespaces
READ         storage.k8s.io        csidrivers
READ         storage.k8s.io        csistoragecapacities
READ         storage.k8s.io        volumeattachments
READ         resource.k8s.io       deviceclasses,resourceclaims,resourceslices
patch,update resource.k8s.io       resourceclaims,resourceclaims/status

role kubeadm:get-nodes
get core nodes

role porthole:node-network
list,watch core              namespaces,pods,services
READ       core              nodes
list,watch discovery.k8s.io  endpointslices
list,watch networking.k8s.io networkpolicies,servicecidrs

role porthole:node-storage
list,watch,update core persistentvolumes

role system:coredns
list,watch core             endpoints,namespaces,pods,services
list,watch discovery.k8s.io endpointslices
`;

/** Roles of namespaces, each headed by `namespace/name`. */
export const ROLES = `
role kube-system/extension-apiserver-authentication-reader
READ core configmaps extension-apiserver-authentication

role kube-system/system:controller:bootstrap-signer
READ core secrets

role kube-system/system:controller:cloud-provider
create,READ,update core configmaps

role kube-system/system:controller:token-cleaner
delete,READ core secrets
EVENTS

role kube-system/system::leader-locking-kube-controller-manager
watch      core configmaps
get,update core configmaps kube-controller-manager

role kube-system/system::leader-locking-kube-scheduler
watch      core configmaps
get,update core configmaps kube-scheduler

role kube-system/porthole:node-dns
create,get,patch,update discovery.k8s.io endpointslices

role kube-public/system:controller:bootstrap-signer
READ   core configmaps
update core configmaps cluster-info
EVENTS

role kube-public/kubeadm:bootstrap-signer-clusterinfo
get core configmaps cluster-info
`;

/** `binding name role subjects`; the role is a ClusterRole. */
export const CLUSTER_ROLE_BINDINGS = `
cluster-admin                                cluster-admin                                group:system:masters
system:monitoring                            system:monitoring                            group:system:monitoring
system:discovery                             system:discovery                             group:system:authenticated
system:basic-user                            system:basic-user                            group:system:authenticated
system:public-info-viewer                    system:public-info-viewer                    group:system:authenticated,group:system:unauthenticated
system:node-proxier                          system:node-proxier                          user:system:kube-proxy
system:kube-controller-manager               system:kube-controller-manager               user:system:kube-controller-manager
system:kube-dns                              system:kube-dns                              sa:kube-system/kube-dns
system:kube-scheduler                        system:kube-scheduler                        user:system:kube-scheduler
system:volume-scheduler                      system:volume-scheduler                      user:system:kube-scheduler
system:node                                  system:node
system:service-account-issuer-discovery      system:service-account-issuer-discovery      group:system:serviceaccounts
kubeadm:cluster-admins                       cluster-admin                                group:kubeadm:cluster-admins
kubeadm:get-nodes                            kubeadm:get-nodes                            group:system:bootstrappers
kubeadm:kubelet-bootstrap                    system:node-bootstrapper                     group:system:bootstrappers
kubeadm:node-autoapprove-bootstrap           system:certificates.k8s.io:certificatesigningrequests:nodeclient     group:system:bootstrappers
kubeadm:node-autoapprove-certificate-rotation system:certificates.k8s.io:certificatesigningrequests:selfnodeclient group:system:nodes
kubeadm:node-proxier                         system:node-proxier                          sa:kube-system/kube-proxy
porthole:node-network                        porthole:node-network                        group:system:nodes
porthole:node-storage                        porthole:node-storage                        group:system:nodes
system:coredns                               system:coredns                               sa:kube-system/coredns
`;

/** `namespace/name role subjects`; the role is of the same namespace. */
export const ROLE_BINDINGS = `
kube-system/system::extension-apiserver-authentication-reader extension-apiserver-authentication-reader user:system:kube-controller-manager,user:system:kube-scheduler
kube-system/system:controller:bootstrap-signer system:controller:bootstrap-signer sa:kube-system/bootstrap-signer
kube-system/system:controller:cloud-provider   system:controller:cloud-provider   sa:kube-system/cloud-provider
kube-system/system:controller:token-cleaner    system:controller:token-cleaner    sa:kube-system/token-cleaner
kube-system/system::leader-locking-kube-controller-manager system::leader-locking-kube-controller-manager user:system:kube-controller-manager,sa:kube-system/kube-controller-manager
kube-system/system::leader-locking-kube-scheduler system::leader-locking-kube-scheduler user:system:kube-scheduler,sa:kube-system/kube-scheduler
kube-system/porthole:node-dns porthole:node-dns group:system:nodes
kube-public/system:controller:bootstrap-signer system:controller:bootstrap-signer sa:kube-system/bootstrap-signer
kube-public/kubeadm:bootstrap-signer-clusterinfo kubeadm:bootstrap-signer-clusterinfo user:system:anonymous
`;
