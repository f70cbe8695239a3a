# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`python -m gr_speculative` is the command `gr-speculative`."""

import sys

from gr_speculative.cli import main

sys.exit(main())
