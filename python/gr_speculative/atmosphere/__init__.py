# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Radio propagation from the weather: profiles, refractivity, ducts, rays, and the conditions they make.

    profile = read_profiles("72293.txt")[-1]
    conditions = ConditionsSource(frequency=1.09e9).assess(profile)
    ray = trace(profile, height=30, elevation=0.1, max_range=100e3)

See docs/propagation.md for what this can and cannot tell.
"""

from .conditions import Conditions, ConditionsSource, DuctAlert  # noqa: F401
from .ducts import Duct, find_ducts  # noqa: F401
from .evaporation import evaporation_duct  # noqa: F401
from .profile import Profile, ProfileError, Surface  # noqa: F401
from .rays import Ray, trace  # noqa: F401
from .readers import read_profiles  # noqa: F401
