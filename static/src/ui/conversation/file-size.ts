const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

/** A number of bytes as people read it: "1.4 MB". */
export function fileSize(locale: string, bytes: number): string {
  let unit = 0;
  let size = bytes;
  while (size >= 1000 && unit < UNITS.length - 1) {
    size /= 1000;
    unit += 1;
  }
  const format = { style: "unit", unit: UNITS[unit] ?? "byte", unitDisplay: unit === 0 ? "long" : "short" } as const;
  return new Intl.NumberFormat(locale, { ...format, maximumFractionDigits: size < 10 && unit > 0 ? 1 : 0 }).format(size);
}
