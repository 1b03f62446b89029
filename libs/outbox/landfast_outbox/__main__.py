"""``python -m landfast_outbox``: operators' commands for durable tasks."""

import sys

from landfast_outbox.dead import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
