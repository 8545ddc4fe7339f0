"""What Alertmanager tells is kept here, and judged: alerts, and whether it is still heard at all.

`alert` and `watchdog` are pure values; `delivery` reads what is told, `inbox` keeps it and tells it
again; `dead_mans_switch` speaks up by `channels` of its own when nothing is told any more.

It leaves to others who is told of an alert (Alertmanager's routes) and how a page looks
(`console`).
"""
