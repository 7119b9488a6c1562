// What the page is for who is not signed in, in a chunk of its own: the chat does without.
import "../ui/more-icons.ts";
import session from "../ui/session/session.css?inline";
import landing from "./landing.css?inline";
import preview from "./preview.css?inline";

export { Landing } from "./landing.tsx";

export const styles: readonly string[] = [session, landing, preview];
