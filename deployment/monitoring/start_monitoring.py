#!/usr/bin/env python3
"""Start the monitoring: the same as `./vigie up`, with the same options, or its containers.

python3 start_monitoring.py           the engines, watching your services
python3 start_monitoring.py --demo    with the coaching application and its traffic
python3 start_monitoring.py --docker  Grafana, Loki, Tempo and the engines as containers; further
                                      options are those of `docker compose up`
"""

import os
import secrets
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VIGIE = os.path.join(HERE, "..", "..", "vigie")
COMPOSE_FILE = "docker-compose-monitoring.yml"
PASSWORD = os.path.join("secrets", "grafana_admin_password")


def main(arguments):
    """Become `vigie up`, or `docker compose up`."""
    if "--docker" not in arguments:
        os.execv(sys.executable, [sys.executable, os.path.abspath(VIGIE), "up"] + arguments)
    compose = docker_compose()
    if compose is None:
        sys.exit(
            "start_monitoring.py: there is no Docker Compose on this machine\n"
            "install it (https://docs.docker.com/compose/install/), or leave --docker out: "
            "the same engines then run without Docker"
        )
    os.chdir(HERE)
    make_password()
    print(
        "Grafana: http://localhost:3000, user admin, password in %s" % os.path.join(HERE, PASSWORD)
    )
    sys.stdout.flush()
    options = [one for one in arguments if one != "--docker"]
    os.execvp(compose[0], compose + ["-f", COMPOSE_FILE, "up", "--detach"] + options)


def docker_compose():
    """Docker Compose 2, else 1; None where there is neither."""
    if shutil.which("docker"):
        asked = subprocess.run(
            ["docker", "compose", "version"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        if asked.returncode == 0:
            return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else None


def make_password():
    """Make Grafana's password, once: a file that its owner alone may read."""
    os.makedirs(os.path.dirname(PASSWORD), mode=0o700, exist_ok=True)
    try:
        file = os.open(PASSWORD, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(file, "w") as writing:
        writing.write(secrets.token_urlsafe(24))


if __name__ == "__main__":
    main(sys.argv[1:])
