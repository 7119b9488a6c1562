// The chat that the address names, and the session that was kept from the last time.
import { ChatError, Parlour, type TenantInfo } from "parlour-client";
import { loginAsGuest, resume } from "parlour-client/accounts";
import { tenantInfo } from "parlour-client/tenant";
import { useEffect, useState } from "preact/hooks";
import { read, write } from "../storage.ts";

/** How far it is with the chat of the page. */
export type Site =
  | { readonly step: "loading" }
  | { readonly step: "ready"; readonly chat: Parlour; readonly tenant: TenantInfo; readonly ended: boolean }
  | { readonly step: "failed"; readonly why: "unknown" | "suspended" | "unreachable" };

/** The server's address, with the path it is installed under. */
export const SERVER = new URL(".", location.href).href.replace(/[?#].*$/, "");

/** What the address calls the tenant; missing for the server's default one. */
export const TENANT = new URLSearchParams(location.search).get("tenant") || undefined;

const SESSION = `parlour:${SERVER}:${TENANT ?? ""}:session`;
const GUEST = `parlour:${SERVER}:${TENANT ?? ""}:guest`;

/** Whether somebody's session may go on who was here before. */
export function wasHere(): boolean {
  return (read("localStorage", SESSION) ?? read("localStorage", GUEST)) !== null;
}

/** Meets the tenant, and comes back to the session there was. `retry` tries again after a failure. */
export function useSite(): { site: Site; retry: () => void } {
  const [site, setSite] = useState<Site>({ step: "loading" });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const chat = new Parlour({ url: SERVER, tenant: TENANT, guestKey: read("localStorage", GUEST) ?? undefined });
    let wanted = true;
    setSite({ step: "loading" });
    arrive(chat).then(
      (arrived) => wanted && setSite(arrived),
      (error: unknown) => wanted && setSite({ step: "failed", why: reason(error) }),
    );
    return () => {
      wanted = false;
      chat.destroy();
    };
  }, [attempt]);
  return { site, retry: () => setAttempt((count) => count + 1) };
}

async function arrive(chat: Parlour): Promise<Site> {
  const tenant = await tenantInfo(chat);
  const ended = !(await comeBack(chat));
  const keepSession = keeper(SESSION);
  const keepGuest = keeper(GUEST);
  const save = (): void => {
    const guestKey = chat.me ? chat.guestKey : null;
    keepGuest(guestKey);
    keepSession(guestKey ? null : chat.token);
  };
  // Tokens change with the connection, too: a new password brings another one.
  chat.on("identity", save);
  chat.on("state", save);
  save();
  return { step: "ready", chat, tenant, ended };
}

/**
 * Keeps what this tab knows under a name, beyond the tab. What another tab has put there meanwhile is not forgotten:
 * somebody may have signed in there after they were signed out here.
 */
function keeper(name: string): (value: string | null) => void {
  let known = read("localStorage", name);
  return (value) => {
    if (value === known) return;
    if (value !== null || read("localStorage", name) === known) write("localStorage", name, value);
    known = value;
  };
}

/** Signs in who was signed in the last time; `false` when that is over. */
async function comeBack(chat: Parlour): Promise<boolean> {
  const token = read("localStorage", SESSION);
  if (!chat.guestKey && !token) return true;
  try {
    // A guest's key is good for new tokens, so it is worth more than one of them.
    await (chat.guestKey ? loginAsGuest(chat) : resume(chat, token ?? ""));
    return true;
  } catch (error) {
    if (error instanceof ChatError && (error.code === "offline" || (error.status ?? 500) >= 429)) throw error;
    return false;
  }
}

function reason(error: unknown): "unknown" | "suspended" | "unreachable" {
  if (!(error instanceof ChatError)) throw error;
  if (error.code === "tenant_not_found") return "unknown";
  return error.code === "tenant_suspended" ? "suspended" : "unreachable";
}
