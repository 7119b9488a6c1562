// The page at the server's root.
import { render } from "preact";
import { adopt } from "../styles/sheets.ts";
import { baseStyles } from "../ui/base-styles.ts";
import fields from "../ui/fields.css?inline";
import session from "../ui/session/session.css?inline";
import app from "./app.css?inline";
import { App } from "./app.tsx";
import landing from "./landing.css?inline";
import preview from "./preview.css?inline";

// Everybody here needs the first or the others: they are fetched while the tenant is asked for, not after. What fails
// here is tried again where it is needed.
void Promise.allSettled([import("../ui/session/forms.tsx"), import("./chat-page.tsx"), import("../ui/shell/panes.ts")]);

adopt(document, [...baseStyles, fields, session, app, landing, preview]);
document.documentElement.classList.add("parlour");
render(<App />, document.body);
