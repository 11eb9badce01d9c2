// The built-in provisioner of folders on nodes: the names by which its controller, the API server and nodes know its volumes.
export const LOCAL_PATH_PROVISIONER = 'porthole/local-path';
export const LOCAL_PATH_CLASS = 'local-path';
/** On a Node: the folder that has those of its volumes. */
export const ANNOTATION_LOCAL_PATH = 'porthole/local-path';
/** Where a node does not say. */
export const LOCAL_PATH_DEFAULT = '/var/lib/porthole/local-path';
/** Keeps a volume until its node has seen to its folder. */
export const FINALIZER_LOCAL_PATH = 'porthole/local-path';
