"""What is pinned and where it lives: versions, folders, the broker's command and time limits.

Everything installed goes under `target/clients/`, in a folder named after its version, so that a
new version installs beside the old one and a second run installs nothing.
"""

import pathlib

HERE = pathlib.Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent
CACHE = REPOSITORY / "target" / "clients"

KAFKA = "4.3.1"
CONFLUENT_KAFKA = "2.16.1"

# The broker under test: the one place that knows its command line.
ORDAIN_COMMAND = [
    "{binary}", "serve",
    "--set", "listeners=PLAINTEXT://127.0.0.1:{port}",
    "--set", "log.dirs={data}",
    "--set", "ordain.admin.listener=127.0.0.1:{admin_port}",
]

# In the order in which they run; each is a folder beside this one.
CLIENTS = ["kafka-tools", "java", "confluent-python", "franz-go", "kafkajs", "kcat"]

# Seconds after which a step counts as hung and fails.
INSTALL_LIMIT = 600
READY_LIMIT = 60
STOP_LIMIT = 20
PHASE_LIMIT = {"basic": 120, "group": 90, "kill-producer": 90, "verify": 60}

# The kill -9: records of the run, and how many are acknowledged before the broker dies.
KILL_RECORDS = 4000
KILL_AFTER = 800

# What an orderly end on SIGTERM looks like: 0, or for a Java process 128 + 15.
ORDERLY_EXIT = {0, 143}
