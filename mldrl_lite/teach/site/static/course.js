// Opened from the disk, a page may not read another: the search then lists titles without lines of text below them.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// The arrows that unfold the sidebar have no words; a screen reader needs some.
document.addEventListener("DOMContentLoaded", () => {
  for (const arrow of document.querySelectorAll("nav details > summary"))
    arrow.setAttribute("aria-label", "Pages in " + (arrow.closest("li").querySelector("a")?.innerText ?? "this part"));
});
