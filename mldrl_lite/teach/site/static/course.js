// Opened from the disk, a page may not read another: the search then lists titles without lines of text below them.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
