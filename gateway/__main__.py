"""`python -m gateway` is the same as `hanoi-gateway`."""

import sys

from gateway.cli import main

sys.exit(main())
