// @ts-check
// The chat as the people in front of it use it: by what they read and click, in whatever page or shadow root it stands.
import assert from "node:assert/strict";
import { eventually } from "../../../../tests/clients/support/wait.mjs";

/** @typedef {import("playwright-core").Page} Page */

/** One conversation on a page: the widget's or the app's.  */
export class Chat {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.launcher = page.locator(".launcher");
    this.log = page.getByRole("log").first();
    this.rows = this.log.locator(".message");
    this.own = this.log.locator(".message-own");
    /** Written, and not yet told to the server as far as anybody knows. */
    this.pending = this.log.locator(".message-pending");
    this.sent = this.log.locator(".message:not(.message-pending, .message-failed)");
    this.texts = this.rows.locator(".message-bubble");
    this.composer = page.locator(".composer textarea").first();
  }

  /** Opens the widget, and waits until one can write. */
  async open() {
    await this.launcher.click();
    await this.composer.waitFor();
  }

  /**
   * Writes a message as a person does: types and presses Enter.
   *
   * @param {string} text
   */
  async say(text) {
    await this.composer.fill(text);
    await this.composer.press("Enter");
  }

  /**
   * Scrolls the log away from its end. A page learns of that with its next frame; what is drawn before it may bring the
   * log back to the end once more, as no hand on a wheel would notice.
   *
   * @param {number} top pixels from the beginning of what is drawn
   */
  async scrollTo(top) {
    const leaves = () =>
      this.log.evaluate(async (log, top) => {
        log.scrollTop = top;
        for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
        return log.scrollHeight - log.scrollTop - log.clientHeight > 40;
      }, top);
    await eventually(leaves, "the log away from its end");
  }

  /** @returns {Promise<string[]>} what is written in the rows that are drawn, oldest first */
  async shown() {
    return this.texts.allInnerTexts();
  }

  /**
   * Waits until a message is shown as arrived: not waiting to be sent, not failed.
   *
   * @param {string} text
   */
  async sees(text) {
    // In its bubble: with the time beside it, "Line 1" at 2:05 would be a "Line 12".
    await this.sent.filter({ has: this.page.locator(".message-bubble", { hasText: text }) }).first().waitFor();
  }

  /**
   * Waits until exactly these messages are at the end of the history, in this order.
   *
   * @param {string[]} texts
   */
  async endsWith(texts) {
    /** @type {string[]} */
    let last = [];
    try {
      await eventually(async () => {
        last = (await this.shown()).slice(-texts.length);
        return JSON.stringify(last) === JSON.stringify(texts);
      }, "the messages");
    } catch {
      assert.deepEqual(last, texts);
    }
  }
}
