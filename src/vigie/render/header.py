"""The first line of each rendered file."""

HEADER = "# Written by `vigie render` from the catalogue and vigie.yml: change those instead.\n"
