// Fields of a pod that no test shows yet. Every field is to leave this list, by showsFields or refusesFields; none comes to it.
export const FIELDS_TO_SHOW: readonly string[] = [];
