// @ts-check
import { defineConfig, mergeConfig } from "vitest/config";
import shared from "./vite.config.mjs";

export default mergeConfig(
  shared,
  defineConfig({
    test: {
      include: ["test/unit/**/*.test.{ts,tsx}", "client/test/**/*.test.ts"],
      environment: "node",
      // The client library is tested against the server, on machines that do other things as well.
      testTimeout: 20_000,
      hookTimeout: 60_000,
    },
  }),
);
