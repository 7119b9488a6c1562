/** What stands in `window.chat` until the widget is there: it keeps commands, each with its arguments. */
interface EarlyChat {
  (...command: unknown[]): void;
  q?: { push(command: ArrayLike<unknown>): unknown };
}

interface Window {
  chat?: EarlyChat;
}
