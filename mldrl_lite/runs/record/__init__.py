"""One run: its folder, its record, what it was made from, and how it becomes visible in one step."""
