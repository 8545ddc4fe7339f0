"""The dashboards, one file each: what a person looks at, from the whole to the single line."""

from vigie.catalogue.dashboards import costs, incidents, logs, overview, security

BOARDS = (overview.BOARD, costs.BOARD, security.BOARD, logs.BOARD, incidents.BOARD)

BY_UID = {board.uid: board for board in BOARDS}
