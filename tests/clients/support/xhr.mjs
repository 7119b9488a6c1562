// @ts-check
/**
 * As much of a browser's XMLHttpRequest as the long-poll transport of older Phoenix clients uses. Its events come
 * in the browser's order: `readystatechange` first, then `error` or `timeout`, and on `abort()` at once.
 */
export class XMLHttpRequest {
  readyState = 0;
  responseText = "";
  timeout = 0;
  /** @type {(() => void) | null} */
  onreadystatechange = null;
  /** @type {(() => void) | null} */
  onerror = null;
  /** @type {(() => void) | null} */
  ontimeout = null;

  #method = "GET";
  #url = "";
  #headers = new Headers();
  #controller = new AbortController();
  #sent = false;

  /**
   * @param {string} method
   * @param {string} url
   */
  open(method, url) {
    this.#method = method;
    this.#url = url;
    this.readyState = 1;
  }

  /**
   * @param {string} name
   * @param {string} value
   */
  setRequestHeader(name, value) {
    this.#headers.append(name, value);
  }

  /** @param {string | null} body */
  send(body) {
    this.#sent = true;
    const timer = this.timeout > 0 ? setTimeout(() => this.#fail(this.ontimeout), this.timeout) : undefined;
    fetch(this.#url, { method: this.#method, headers: this.#headers, body, signal: this.#controller.signal })
      .then((response) => response.text())
      .then(
        (text) => this.#finish(text),
        () => this.#fail(this.onerror),
      )
      .finally(() => clearTimeout(timer));
  }

  abort() {
    this.#fail(null);
    this.readyState = 0;
  }

  /** @param {string} text */
  #finish(text) {
    if (!this.#sent) return false;
    this.#sent = false;
    this.responseText = text;
    this.readyState = 4;
    this.onreadystatechange?.();
    return true;
  }

  /** @param {(() => void) | null} then */
  #fail(then) {
    if (!this.#finish("")) return;
    this.#controller.abort();
    then?.();
  }
}
