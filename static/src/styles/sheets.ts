/** Sheets by their text: each is parsed once, however many roots use it. */
const parsed = new Map<string, CSSStyleSheet>();

function sheet(text: string): CSSStyleSheet {
  let made = parsed.get(text);
  if (!made) {
    made = new CSSStyleSheet();
    made.replaceSync(text);
    parsed.set(text, made);
  }
  return made;
}

/**
 * Gives a document or a shadow root these styles. Constructed sheets need no `style-src` of the page, so a host page's
 * policy cannot be in the way. Those that it has are not given again.
 */
export function adopt(root: DocumentOrShadowRoot, texts: readonly string[]): void {
  const there = root.adoptedStyleSheets;
  const missing = texts.map(sheet).filter((wanted) => !there.includes(wanted));
  if (missing.length > 0) root.adoptedStyleSheets = [...there, ...missing];
}
