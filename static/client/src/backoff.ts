const SHORTEST_MS = 500;
const LONGEST_MS = 30_000;

/**
 * How long to wait before trying again after `failures` failures in a row, in milliseconds: anything from half a second
 * up to a bound that doubles each time, up to half a minute. All of it is random, so that the clients of a server that
 * comes back do not come all at once.
 *
 * @param random - from 0 to 1
 */
export function backoff(failures: number, random: number = Math.random()): number {
  const bound = Math.min(LONGEST_MS, SHORTEST_MS * 2 ** Math.max(failures, 1));
  return SHORTEST_MS + random * (bound - SHORTEST_MS);
}
