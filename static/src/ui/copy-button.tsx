import type { JSX, RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Button } from "./button.tsx";
import { useI18n } from "./context.ts";

/** Milliseconds for which the button says that it has copied. */
const SAID = 2500;

interface CopyButtonProps {
  /** What is copied; asked for when it is. */
  text: () => string;
  /** Shows the text: where there is no clipboard it is selected, for the keys that copy. */
  shown: RefObject<HTMLElement | null>;
  /** What the button says; "Copy" if missing. */
  label?: string;
  kind?: "primary" | "plain";
}

/** Copies a text, and says so. */
export function CopyButton({ text, shown, label, kind = "plain" }: CopyButtonProps): JSX.Element {
  const i18n = useI18n();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), SAID);
    return () => clearTimeout(timer);
  }, [copied]);

  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(text());
      setCopied(true);
    } catch {
      // No clipboard for pages without TLS, or without leave.
      shown.current?.focus();
      if (shown.current) getSelection()?.selectAllChildren(shown.current);
    }
  }

  return (
    <Button kind={kind} icon={copied ? "check" : "copy"} onClick={() => void copy()}>
      <span aria-live="polite">{copied ? i18n.t("common.copied") : (label ?? i18n.t("common.copy"))}</span>
    </Button>
  );
}
