"""Voice menus: a table of states as data, and the machine that walks it."""
