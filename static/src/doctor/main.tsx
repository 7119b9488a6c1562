// The page at /embed/doctor.
import { render } from "preact";
import base from "../styles/base.css?inline";
import { adopt } from "../styles/sheets.ts";
import tokens from "../styles/tokens.css?inline";
import fields from "../ui/fields.css?inline";
import ui from "../ui/ui.css?inline";
import doctor from "./doctor.css?inline";
import { DoctorPage } from "./page.tsx";

adopt(document, [tokens, base, ui, fields, doctor]);
document.documentElement.classList.add("parlour");
render(<DoctorPage />, document.body);
