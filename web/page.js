// Signs in with the one-time code of the start-up link (or a token) and shows the `app` view live.

const state = document.getElementById("state");
const form = document.getElementById("sign-in");
const list = document.getElementById("organizations");
const hint = document.getElementById("hint");

/** The organizations by id, as the stream has told them. */
let organizations = new Map();

function show() {
  list.replaceChildren(
    ...[...organizations.values()].map((one) => {
      const item = document.createElement("li");
      item.textContent =
        `${one.name} · ${one.role} · ${one.repository_count} repositories · ${one.task_count} tasks`;
      return item;
    }),
  );
}

function fold(changes) {
  for (const { op, entity, id, value } of changes) {
    if (entity !== "organization") continue;
    if (op === "put") organizations.set(id, value);
    else organizations.delete(id);
  }
}

function watch() {
  const stream = new EventSource("/v1/stream?topic=app");
  stream.addEventListener("snapshot", (event) => {
    const { data } = JSON.parse(event.data);
    organizations = new Map(data.organizations.map((one) => [one.id, one]));
    state.textContent = `Signed in as ${data.user.name}.`;
    hint.hidden = false;
    show();
  });
  stream.addEventListener("change", (event) => {
    fold(JSON.parse(event.data).changes);
    show();
  });
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) askForToken("Not signed in.");
    else state.textContent = "Reconnecting …";
  });
  stream.addEventListener("ready", () => {
    if (state.textContent === "Reconnecting …") state.textContent = "Live again.";
  });
}

function askForToken(sentence) {
  state.textContent = sentence;
  form.hidden = false;
}

async function signIn(credential) {
  const answer = await fetch("/v1/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(credential),
  });
  if (answer.ok) {
    form.hidden = true;
    watch();
  } else {
    askForToken((await answer.json()).detail);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  signIn({ token: document.getElementById("token").value });
});

const code = new URLSearchParams(location.hash.slice(1)).get("code");
if (code) {
  // The code works once: it must not stay in the address that people copy.
  history.replaceState(null, "", "/");
  signIn({ code });
} else {
  watch();
}
