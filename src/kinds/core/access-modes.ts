// Access modes of volumes as kubectl abbreviates them.
const ABBREVIATIONS: readonly (readonly [mode: string, short: string])[] = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
];

export const ACCESS_MODES: readonly string[] = ABBREVIATIONS.map(([mode]) => mode);

/** `RWO,ROX`. */
export function formatAccessModes(modes: readonly string[] | undefined): string {
  return ABBREVIATIONS.filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(',');
}
