import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { untilLoaded } from "../../src/until-loaded.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("asks until it works, and says once that it does not", async () => {
  const load = vi.fn().mockRejectedValueOnce(new Error("offline")).mockRejectedValueOnce(new Error("offline")).mockResolvedValue("texts");
  const [arrive, failed] = [vi.fn(), vi.fn()];
  untilLoaded(load, arrive, failed);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(load).toHaveBeenCalledTimes(3);
  expect(arrive.mock.calls).toEqual([["texts"]]);
  expect(failed).toHaveBeenCalledTimes(1);
});

it("neither asks nor tells any more after it was ended", async () => {
  const load = vi.fn().mockRejectedValue(new Error("offline"));
  const failed = vi.fn();
  const end = untilLoaded(load, vi.fn(), failed);
  await vi.advanceTimersByTimeAsync(4000);
  end();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(load).toHaveBeenCalledTimes(2);

  const late = vi.fn();
  untilLoaded(() => Promise.resolve("late"), late)();
  await vi.advanceTimersByTimeAsync(0);
  expect(late).not.toHaveBeenCalled();
});
