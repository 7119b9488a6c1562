import type { JSX } from "preact";
import { useId } from "preact/hooks";
import { LANGUAGES } from "../i18n/load.ts";
import { useI18n } from "../ui/context.ts";
import { Dialog } from "../ui/dialog.tsx";
import { THEMES, type Preferences } from "./preferences.ts";

/** Language and look, which change as they are chosen. */
export function PreferencesDialog({ preferences, onClose }: { preferences: Preferences; onClose: () => void }): JSX.Element {
  const i18n = useI18n();
  const id = useId();
  const language = new Intl.Locale(i18n.locale).language;
  return (
    <Dialog title={i18n.t("app.preferences")} onClose={onClose}>
      <div class="form">
        <div class="field">
          <label class="field-label" for={id}>
            {i18n.t("app.language")}
          </label>
          <div class="field-box">
            <select
              id={id}
              class="field-input"
              value={language}
              onChange={(event) => preferences.setLocale(event.currentTarget.value)}
            >
              {LANGUAGES.map((code) => (
                <option key={code} value={code} lang={code}>
                  {new Intl.DisplayNames(code, { type: "language" }).of(code)}
                </option>
              ))}
            </select>
          </div>
        </div>
        <fieldset class="choices choices-row">
          <legend class="field-label">{i18n.t("app.theme")}</legend>
          {THEMES.map((theme) => (
            <label class="choice" key={theme}>
              <input
                type="radio"
                name="theme"
                checked={preferences.theme === theme}
                onChange={() => preferences.setTheme(theme)}
              />
              <span class="choice-name">{i18n.t(`app.${theme}`)}</span>
            </label>
          ))}
        </fieldset>
      </div>
    </Dialog>
  );
}
