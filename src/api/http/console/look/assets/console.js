// The one script of the console. Everything that it does can be done without it, by loading a page again.

const main = () => document.querySelector("main");

// The fields that a person has changed, by their id, or else by their place among those of their name.
function fields(root) {
  const seen = new Map();
  return [...root.querySelectorAll("input, select, textarea")].map((field) => {
    const name = `${field.form?.getAttribute("action")} ${field.name}`;
    seen.set(name, (seen.get(name) ?? 0) + 1);
    return [field.id || `${name} ${seen.get(name)}`, field];
  });
}

function changes(root) {
  const isChanged = (field) => {
    if (field.type === "hidden" || field.type === "file") return false;
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.options) return [...field.options].some((option) => option.selected !== option.defaultSelected);
    return field.value !== field.defaultValue;
  };
  return new Map(fields(root).filter(([, field]) => isChanged(field)).map(([key, { value, checked }]) => [key, { value, checked }]));
}

function restore(root, changed) {
  for (const [key, field] of fields(root)) {
    const was = changed.get(key);
    if (!was) continue;
    if (field.type === "checkbox" || field.type === "radio") field.checked = was.checked;
    else field.value = was.value;
  }
}

// Shows a newer version of this page in its place. What has the focus keeps it, by its id, and what was typed
// stays.
async function renew(address) {
  const reply = await fetch(address, { headers: { accept: "text/html" } }).catch(() => null);
  if (!reply) return null;
  if (reply.redirected) {
    location.reload();
    return null;
  }
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const next = page.querySelector("main");
  if (!next) return null;
  const focused = document.activeElement?.id;
  const open = [...main().querySelectorAll("details")].map((part) => part.open);
  const changed = changes(main());
  main().replaceWith(next);
  restore(next, changed);
  [...next.querySelectorAll("details")].forEach((part, at) => { if (open[at]) part.open = true; });
  if (focused && focused !== "main") document.getElementById(focused)?.focus();
  return next;
}

// A page that is about to change follows its events, and is shown again after each.
function follow() {
  const address = main()?.dataset.events;
  if (!address) return;
  const events = new EventSource(address);
  let waits = false;
  events.onmessage = async () => {
    if (waits) return;
    waits = true;
    try {
      await renew(location.href);
    } finally {
      waits = false;
    }
    if (!main().dataset.events) events.close();
  };
  events.onerror = () => {
    // The server ends the events once nothing changes any more.
    if (!("live" in main().dataset)) events.close();
  };
}

// A search, and the filter of an audience, answer while they are typed. What a filter lacks is said there too.
let typed = 0;
document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-search]");
  const filters = "live" in event.target.dataset;
  if (!form || !(filters || event.target.type === "search")) return;
  const mine = ++typed;
  setTimeout(async () => {
    if (mine !== typed) return;
    const address = new URL(form.action);
    // The proof of the session belongs in no address.
    const given = [...new FormData(form)].filter(([name, value]) => value !== "" && name !== "proof" && !name.startsWith("build-"));
    address.search = new URLSearchParams(given);
    // Without the server, the results stay as they are.
    const reply = await fetch(address).catch(() => null);
    if (!reply || mine !== typed) return;
    if (reply.redirected) {
      location.reload();
      return;
    }
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    const results = page.getElementById("results");
    const shown = document.getElementById("results");
    if (results && shown) {
      const changed = changes(shown);
      shown.replaceChildren(...results.childNodes);
      restore(shown, changed);
    }
    history.replaceState(null, "", address);
  }, filters ? 400 : 150);
});

// A file may be dropped where it may be chosen.
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const place = event.target.closest?.(".drop");
    if (!place) return;
    event.preventDefault();
    place.classList.toggle("over", kind === "dragover");
    const files = event.dataTransfer?.files;
    if (kind === "drop" && files?.length) place.querySelector("input[type=file]").files = files;
  });
}

follow();
