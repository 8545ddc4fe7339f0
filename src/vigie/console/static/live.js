// Every few seconds the page is asked for again, and what it holds put in the place of what is
// shown. What is being read (a selection, a focus, an opened detail) stays.
const EVERY = 10_000;
const stale = document.getElementById("stale");

async function renew() {
  if (document.hidden || String(getSelection())) return;
  try {
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(EVERY) });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = document.querySelector("main");
    const focused = main.contains(document.activeElement) ? document.activeElement.id : "";
    for (const open of main.querySelectorAll("details[open][id]")) {
      fresh.getElementById(open.id)?.setAttribute("open", "");
    }
    main.replaceChildren(...fresh.querySelector("main").childNodes);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    document.title = fresh.title;
    stale.hidden = true;
  } catch {
    stale.hidden = false;
  }
}

setInterval(renew, EVERY);
document.addEventListener("visibilitychange", renew);
