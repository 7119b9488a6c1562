// The same package under another name, an older release.
declare module "phoenix-1-7" {
  export * from "phoenix";
}
