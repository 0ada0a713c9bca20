// Conveniences only: every page does its work without this file. No inline code, no eval, nothing from elsewhere.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  // Quote for a POSIX shell, as shlex.quote does.
  const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`);

  const said = (button, text) => {
    const before = (button.dataset.said ??= button.textContent);
    button.textContent = text;
    setTimeout(() => { button.textContent = before; }, 1600);
  };

  const copy = async (button) => {
    const source = button.parentElement.querySelector("[data-copy-source]");
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      said(button, "Copied");
    } catch {
      const range = document.createRange();
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      said(button, "Selected");
    }
  };

  const choose = async (form, button) => {
    const look = button.value;
    if (look === "auto") delete root.dataset.theme; else root.dataset.theme = look;
    for (const each of form.querySelectorAll("button")) each.setAttribute("aria-pressed", String(each === button));
    const body = new URLSearchParams(new FormData(form));
    body.set("theme", look);
    await fetch(form.action, { method: "POST", body, redirect: "manual" });
  };

  // Show in a form's command what has been typed into it.
  const preview = (form) => {
    for (const word of form.querySelectorAll("[data-from]")) {
      const [field, part, by = "/"] = word.dataset.from.split(":");
      const value = form.elements[field].value.trim();
      const own = part === undefined ? value : value.split(by)[Number(part)] ?? "";
      const { flag, word: empty } = word.dataset;
      const shown = own ? quoted(own) : empty;
      const joined = own.startsWith("-") && flag ? `${flag}=${shown}` : [flag, shown].filter(Boolean).join(" ");
      word.textContent = shown ? ` ${joined}` : "";
    }
  };

  // A countdown to the second beside the moment that the page names; at its end the page is asked for again.
  const countDown = (element) => {
    const until = Date.parse(element.dataset.until);
    const tick = () => {
      const left = Math.max(0, Math.round((until - Date.now()) / 1000));
      element.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
      if (left) return;
      clearInterval(timer);
      location.reload();
    };
    const timer = setInterval(tick, 1000);
    tick();
  };

  const waitFor = (address) => {
    const timer = setInterval(async () => {
      try {
        const answer = await fetch(address, { cache: "no-store" });
        if (!answer.ok) return;
        clearInterval(timer);
        location.reload();
      } catch { /* still away */ }
    }, 2000);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-theme-form]") || !event.submitter) return;
    event.preventDefault();
    choose(event.target, event.submitter);
  });

  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-preview]");
    if (form) preview(form);
  });

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("form[data-preview]").forEach(preview);
    const waiting = document.querySelector("[data-wait-for]");
    if (waiting) waitFor(waiting.dataset.waitFor);
    document.querySelectorAll("[data-until]").forEach(countDown);
    const secret = document.querySelector("[data-secret]");
    // From here on, this entry of the history is the key's own page: reloading or coming back asks for that one.
    if (secret) history.replaceState(null, "", secret.dataset.after);
  });

  // A page that the browser put aside whole must not come back with a secret, or for somebody who has signed out.
  addEventListener("pagehide", () => document.querySelector("[data-secret]")?.remove());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
})();
