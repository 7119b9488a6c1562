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
  root.adoptedStyleSheets = [...new Set([...root.adoptedStyleSheets, ...texts.map(sheet)])];
}
