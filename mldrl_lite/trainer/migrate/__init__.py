"""Scripts of Lightning 0.9 and 1.x brought to today.

`engine` takes a text and gives the new one; `snippet` is `translate`, `files` the command's side. The rules are tables:
`names` of the room (arguments of the Trainer), `moved` and `gone` (names), `members` (attributes), `arguments` (of
other calls), `hooks`. What a rule needs beyond a row is code beside it: `trainer_call` and `hardware`, `constructors`,
`argparse_bridge`, `classes`, `outputs`. LibCST keeps comments and layout.
"""
