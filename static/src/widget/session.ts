// One visitor in one tenant, whoever shows the chat: who that is, from what the site says or this browser keeps.
import { ChatError, Emitter, Parlour, type TenantInfo } from "parlour-client";
import { identify, loginAsGuest, resume } from "parlour-client/accounts";
import { tenantInfo } from "parlour-client/tenant";
import type { Identity } from "./identity.ts";
import { late } from "../ui/late.ts";
import { Kept } from "./kept.ts";

/** `idle`: nothing was asked of the server yet. `ready`: the tenant is known, and mostly the visitor too. */
export type Phase = "idle" | "starting" | "ready" | "failed";

interface SessionEvents {
  /** Something of what is readable here is another. */
  change: void;
  error: ChatError;
}

/** Whether the server has said no, so that asking again would be answered the same. */
function isFinal({ code, status }: ChatError): boolean {
  return code === "unauthorized" || status === 403 || status === 404;
}

const RETRY_MIN_MS = 2000;
const RETRY_MAX_MS = 60_000;

/**
 * The visitor's session with one tenant. A user is never shown under another one's client: whoever comes next has a new
 * one, so nothing that was loaded before can be seen.
 */
export class Session extends Emitter<SessionEvents> {
  readonly server: string;
  readonly tenantKey: string | undefined;
  /** Whether messages that wait to be sent are kept beyond the page's life; has to be said before the session starts. */
  keepsUnsent = false;
  phase: Phase = "idle";
  failure: ChatError | null = null;
  tenant: TenantInfo | null = null;
  #chat: Parlour | null = null;
  /** The website's word for who the visitor is. */
  #identity: Identity | null = null;
  /** Counts attempts to find out who the visitor is; only the last of them counts. */
  #attempt = 0;
  #isEntering = false;
  /** Who was somebody here, and is not taken for them any more, says who they are; they do not become a guest unasked. */
  #asksFirst = false;
  #retries = 0;
  #isExplained = false;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #kept: Kept;

  constructor(server: string, tenantKey: string | undefined) {
    super();
    this.server = server;
    this.tenantKey = tenantKey;
    this.#kept = new Kept(server, tenantKey);
  }

  /** The client of the visitor; `null` before the first {@link start}. */
  get chat(): Parlour | null {
    return this.#chat;
  }

  /** Connects as whoever the visitor is; a new guest where the tenant allows that. Once done, does nothing. */
  async start(): Promise<void> {
    if (this.phase === "starting" || this.phase === "ready") return;
    this.#set("starting");
    await this.#enter(this.#identity);
  }

  /**
   * The visitor is a user of the website from now on. `source` is a token or what fetches one; if `later`, it is kept
   * until the session starts. If it is refused, the visitor stays who they were.
   *
   * @throws ChatError when the token is refused.
   */
  async identify(source: Identity, later: boolean): Promise<void> {
    if (later && this.phase === "idle") {
      this.#identity = source;
      return;
    }
    if (this.phase !== "ready") this.#set("starting");
    const failure = await this.#enter(source);
    if (failure) throw failure;
  }

  /** Ends the session: no socket, timer or listener is left. */
  destroy(): void {
    this.#drop();
    this.forgetListeners();
  }

  #drop(): void {
    this.#attempt += 1;
    this.#stopWaiting();
    this.#chat?.destroy();
    this.#chat = null;
  }

  /** Finds out who the visitor is, with a client of its own, which takes the place of the last one if that works. */
  async #enter(source: Identity | null): Promise<ChatError | null> {
    const attempt = (this.#attempt += 1);
    this.#isEntering = true;
    this.#stopWaiting();
    let chat: Parlour | undefined;
    try {
      chat = await this.#makeChat();
      const tenant = await tenantInfo(chat);
      await this.#signIn(chat, tenant, source);
      if (attempt !== this.#attempt) throw new ChatError("closed");
      this.#identity = source;
      this.#adopt(chat, tenant);
      return null;
    } catch (error) {
      chat?.destroy();
      const failure = error instanceof ChatError ? error : new ChatError("unauthorized", "the site gave no token", { cause: error });
      if (attempt !== this.#attempt) return failure;
      if (source === null && failure.code === "unauthorized" && this.#kept.guestKey !== null) {
        this.#kept.guestKey = null;
        this.#asksFirst = true;
        return this.#enter(source);
      }
      this.#fail(failure, source);
      return failure;
    } finally {
      if (attempt === this.#attempt) this.#isEntering = false;
    }
  }

  async #makeChat(): Promise<Parlour> {
    const { server: url, tenantKey: tenant } = this;
    const storage = this.keepsUnsent ? (await loadUnsent()).unsentQueue(this.#kept.unsent, () => chat.me) : undefined;
    const chat: Parlour = new Parlour({ url, tenant, guestKey: this.#kept.guestKey ?? undefined, storage });
    return chat;
  }

  async #signIn(chat: Parlour, tenant: TenantInfo, source: Identity | null): Promise<void> {
    if (source !== null) {
      // The guest's session is over with the claim; nobody is to ask for another one then.
      await identify(chat, source, () => this.#chat?.disconnect());
      return;
    }
    const { token } = this.#kept;
    if (token !== null) {
      try {
        await resume(chat, token);
        return;
      } catch (error) {
        if (!(error instanceof ChatError) || !isFinal(error)) throw error;
        this.#kept.token = null;
        this.#asksFirst = true;
      }
    }
    if (tenant.guests && !this.#asksFirst) await loginAsGuest(chat);
  }

  #adopt(chat: Parlour, tenant: TenantInfo): void {
    this.#stopWaiting();
    this.#chat?.destroy();
    this.#chat = chat;
    this.tenant = tenant;
    this.#retries = 0;
    chat.on("identity", () => this.#keep(chat));
    chat.on("error", (error) => this.emit("error", error));
    chat.on("state", (state) => state === "refused" && this.#retryLater());
    this.#keep(chat);
    this.#set("ready");
  }

  /** Keeps what lets the visitor come back as the same one, and connects them. */
  #keep(chat: Parlour): void {
    const { me } = chat;
    this.#kept.guestKey = chat.guestKey;
    this.#kept.token = me?.kind === "account" ? chat.token : null;
    if (me) {
      this.#asksFirst = false;
      chat.connect().catch((error: unknown) => error instanceof ChatError && this.emit("error", error));
    }
    this.emit("change", undefined);
  }

  #fail(failure: ChatError, source: Identity | null): void {
    this.emit("error", failure);
    this.#explain(failure);
    // Who the site says is its user does not become a guest because that could not be checked, or was refused.
    if (!this.#chat || !isFinal(failure)) this.#identity = source;
    if (this.phase === "starting") this.#set("failed", failure);
    // A website that vouched for the user before may do so again, when its backend or the tenant is back.
    const isWorthWaiting = this.#chat?.state === "refused" && typeof source === "function";
    if (isWorthWaiting || !isFinal(failure)) this.#retryLater(failure.retryAfterMs);
  }

  /** Tells the site's owner, once, where to look. */
  #explain({ code, message }: ChatError): void {
    if (this.#isExplained) return;
    this.#isExplained = true;
    const doctor = new URL("embed/doctor", this.server);
    if (this.tenantKey !== undefined) doctor.searchParams.set("tenant", this.tenantKey);
    console.warn(`parlour: the chat could not be started (${code}: ${message}). ${doctor.href} finds out why`);
  }

  #retryLater(pause = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** this.#retries)): void {
    this.#retries += 1;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(this.#retry, pause * (0.5 + Math.random() / 2));
    addEventListener("online", this.#retry, { once: true });
  }

  #stopWaiting(): void {
    clearTimeout(this.#retryTimer);
    removeEventListener("online", this.#retry);
  }

  readonly #retry = (): void => {
    this.#stopWaiting();
    // Who was refused meanwhile does not get into the way of who comes.
    if (this.#isEntering) return;
    if (this.phase === "failed") this.#set("starting");
    void this.#enter(this.#identity);
  };

  #set(phase: Phase, failure: ChatError | null = null): void {
    this.phase = phase;
    this.failure = failure;
    this.emit("change", undefined);
  }
}

/** @throws ChatError `offline` when it cannot be loaded. */
function loadUnsent(): Promise<typeof import("./unsent.ts")> {
  return late("unsent", () => import("./unsent.ts")).catch((cause: unknown) => {
    throw new ChatError("offline", "what keeps unsent messages could not be loaded", { cause });
  });
}

const sessions = new Map<string, { readonly session: Session; users: number }>();

/** The session of this tenant, which all elements of a page share; {@link release} has to be called once for it. */
export function acquire(server: string, tenant: string | undefined): Session {
  const key = `${server}\n${tenant ?? ""}`;
  let entry = sessions.get(key);
  if (!entry) {
    entry = { session: new Session(server, tenant), users: 0 };
    sessions.set(key, entry);
  }
  entry.users += 1;
  return entry.session;
}

/** Gives a session back; it ends with the last one who uses it. */
export function release(session: Session): void {
  const key = `${session.server}\n${session.tenantKey ?? ""}`;
  const entry = sessions.get(key);
  if (entry?.session !== session || --entry.users > 0) return;
  sessions.delete(key);
  session.destroy();
}
