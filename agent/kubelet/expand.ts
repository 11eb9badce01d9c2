// $(VAR) references in commands, arguments and values, by upstream's rules.

/** `$(VAR)` becomes its value or, if there is none, stays as it is; `$$` is a dollar sign that refers to nothing. */
export function expand(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$(?:\$|\(([^()]*)\))/g, (whole, name: string | undefined) => {
    if (name === undefined) return '$';
    return variables.get(name) ?? whole;
  });
}
