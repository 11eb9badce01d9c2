// $(VAR) references in commands, arguments and values, by upstream's rules.

const REFERENCE = /\$(?:\$|\(([^()]*)\))/g;

/** `$(VAR)` becomes its value or, if there is none, stays as it is; `$$` is a dollar sign that refers to nothing. */
export function expand(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(REFERENCE, (whole, name: string | undefined) => {
    if (name === undefined) return '$';
    return variables.get(name) ?? whole;
  });
}

/** The names that a text refers to. */
export function referencesOf(text: string): readonly string[] {
  return [...text.matchAll(REFERENCE)].flatMap(([, name]) => (name === undefined ? [] : [name]));
}
