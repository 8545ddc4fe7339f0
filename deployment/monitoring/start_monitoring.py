#!/usr/bin/env python3
"""Start the monitoring: the same as `./vigie up`, with the same options.

python3 start_monitoring.py           the engines, watching your services
python3 start_monitoring.py --demo    with the coaching application and its traffic
python3 start_monitoring.py --docker  the engines as containers, with Grafana, Loki and Tempo
"""

import os
import sys

VIGIE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "vigie")

if __name__ == "__main__":
    os.execv(sys.executable, [sys.executable, os.path.abspath(VIGIE), "up"] + sys.argv[1:])
