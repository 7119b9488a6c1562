// What comes from the network is `unknown` until it was looked at. A parser looks at one value, and says `undefined`
// for what is not of the kind that it takes.

export type Parser<T> = (value: unknown) => T | undefined;

/** An object of JSON. */
export type Fields = { readonly [name: string]: unknown };

export function asFields(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

export function asText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A whole number from 0 on. */
export function asCount(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** The elements that a parser takes, in order; those it does not take are left out. */
export function asList<T>(value: unknown, parse: Parser<T>): T[] {
  return Array.isArray(value) ? value.map(parse).filter((element) => element !== undefined) : [];
}

export function list<T>(parse: Parser<T>): Parser<T[]> {
  return (value) => asList(value, parse);
}

/** One of some texts. */
export function oneOf<const T extends string>(...choices: readonly T[]): Parser<T> {
  return (value) => choices.find((choice) => choice === value);
}

/** What a parser takes, and something else for everything else. */
export function or<T, U>(parse: Parser<T>, otherwise: U): (value: unknown) => T | U {
  return (value) => parse(value) ?? otherwise;
}

/** `true` or `false`, and `otherwise` for everything else. */
export function flag<T>(otherwise: T): (value: unknown) => boolean | T {
  return (value) => (typeof value === "boolean" ? value : otherwise);
}

type Parsed<S> = { [Name in keyof S]: S[Name] extends Parser<infer T> ? T : never };

/**
 * An object with certain fields, whose names on the wire have underscores for capitals. It is taken as a whole or not
 * at all, and what else it has is passed over.
 */
export function record<S extends Readonly<Record<string, Parser<unknown>>>>(shape: S): Parser<Parsed<S>> {
  return (value) => {
    const fields = asFields(value);
    if (!fields) return undefined;
    const parsed: Record<string, unknown> = {};
    for (const name in shape) {
      const field = shape[name]?.(fields[name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`)]);
      if (field === undefined) return undefined;
      parsed[name] = field;
    }
    return parsed as Parsed<S>;
  };
}
