// @ts-check
// The page at the server's root, as the people in front of it use it.
import { Chat } from "./chat.mjs";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").BrowserContext} BrowserContext */

/** The app in a tab. */
export class App {
  /**
   * @param {Page} page
   * @param {string} server its URL
   * @param {string} tenant its slug
   */
  constructor(page, server, tenant) {
    this.page = page;
    this.server = server;
    this.tenant = tenant;
    this.chat = new Chat(page);
    this.list = page.getByRole("navigation", { name: "Conversations" });
    this.submit = page.locator("form [type=submit]");
  }

  /**
   * @param {BrowserContext} context
   * @param {string} server
   * @param {string} tenant
   */
  static async in(context, server, tenant) {
    return new App(await context.newPage(), server, tenant);
  }

  /**
   * Goes to the page as by a link.
   *
   * @param {Record<string, string>} [params] others than `tenant`
   */
  async visit(params = {}) {
    await this.page.goto(`${this.server}/?${new URLSearchParams({ tenant: this.tenant, ...params })}`);
  }

  /** @param {string} name */
  async way(name) {
    await this.page.getByRole("button", { name, exact: true }).first().click();
  }

  /**
   * Fills in the form that is open, and sends it.
   *
   * @param {string} username
   * @param {string} password
   */
  async send(username, password) {
    await this.page.getByLabel("Username").fill(username);
    await this.page.getByLabel("Password", { exact: true }).fill(password);
    await this.submit.click();
  }

  /**
   * Visits the page, signs in, and waits for the list of rooms.
   *
   * @param {{username: string, password: string}} account
   * @param {Record<string, string>} [params]
   */
  async signIn(account, params) {
    await this.visit(params);
    await this.way("Sign in");
    await this.send(account.username, account.password);
    await this.list.waitFor({ state: "attached" });
  }

  /**
   * The row of a room or a direct conversation.
   *
   * @param {string} name
   */
  row(name) {
    return this.list.getByRole("button", { name: new RegExp(`^${name}\\b`) });
  }

  /**
   * Chooses from the menu of one's own account.
   *
   * @param {string} item
   */
  async account(item) {
    await this.page.getByRole("button", { name: /^Your account/ }).click();
    await this.page.getByRole("menuitem", { name: item }).click();
  }

  /**
   * Chooses from the menu of new things.
   *
   * @param {string} item
   */
  async start(item) {
    await this.page.getByRole("button", { name: "Start something new" }).click();
    await this.page.getByRole("menuitem", { name: item }).click();
  }
}
