// The blog's own script: who is signed in here, and telling the chat about it.
window.chat = window.chat || function () {
  (chat.q = chat.q || []).push(arguments);
};

const place = document.getElementById("reader");
const dialog = document.getElementById("sign-in");

/** Asks the blog's backend, which knows the session, for a token. The chat calls this again before a token ends. */
async function chatToken() {
  const { token } = await (await fetch("/chat-token")).json();
  return token;
}

function show(reader) {
  const button = document.createElement("button");
  if (reader) {
    const name = document.createElement("span");
    name.textContent = reader.name;
    button.textContent = "Sign out";
    button.addEventListener("click", signOut);
    place.replaceChildren(name, button);
  } else {
    button.textContent = "Sign in";
    button.addEventListener("click", () => dialog.showModal());
    place.replaceChildren(button);
  }
}

async function post(path, body = {}) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return answer.json();
}

dialog.addEventListener("close", async () => {
  if (!dialog.returnValue) return;
  const { reader } = await post("/sign-in", { reader: dialog.returnValue });
  dialog.returnValue = "";
  show(reader);
  chat("identify", chatToken);
});

async function signOut() {
  await post("/sign-out");
  show(null);
  chat("shutdown");
  chat("boot");
}

document.getElementById("talk")?.addEventListener("click", () => chat("open"));

const { reader } = await (await fetch("/me")).json();
show(reader);
if (reader) chat("identify", chatToken);
