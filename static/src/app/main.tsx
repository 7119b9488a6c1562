// The page at the server's root.
import { render } from "preact";
import { adopt } from "../styles/sheets.ts";
import { baseStyles } from "../ui/base-styles.ts";
import app from "./app.css?inline";
import { App } from "./app.tsx";
import { wasHere } from "./session.ts";

// Fetched while the tenant is asked for, not after; what fails here is tried again where it is needed. Who comes in sees
// the entrance first, and the chat next.
const entrance = (): Promise<unknown> => Promise.allSettled([import("./entrance.ts"), import("../ui/session/forms.tsx")]);
const chat = (): Promise<unknown> => Promise.allSettled([import("./chat-page.tsx"), import("../ui/shell/panes.ts")]);
void (wasHere() ? chat() : entrance().then(chat)).then(() => import("./preferences-chunk.ts")).catch(() => {});

adopt(document, [...baseStyles, app]);
document.documentElement.classList.add("parlour");
render(<App />, document.body);
