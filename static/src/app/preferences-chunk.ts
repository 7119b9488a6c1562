// The dialog about language and look, which is loaded when somebody opens it.
import fields from "../ui/fields.css?inline";
import surfaces from "../ui/surfaces.css?inline";

export { PreferencesDialog } from "./preferences-dialog.tsx";

export const styles: readonly string[] = [surfaces, fields];
