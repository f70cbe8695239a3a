# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The picture for the operator: M-profile with its ducts, and beside it, on the same heights, a fan of
rays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .conditions import Conditions
from .profile import Profile
from .rays import Ray, trace
from .refractivity import EARTH_RADIUS_M, refraction_class

_CLASSES = {"sub": "#b3cde3", "standard": "#f7f7f7", "super": "#fee8c8", "ducting": "#f4a582"}
_FREE, _TRAPPED, _HORIZON = "#3b6fa8", "#d9480f", "#2b8a3e"
_DUCT_COLOURS = {
    "surface": "#c92a2a",
    "surface_based": "#d9480f",
    "elevated": "#862e9c",
    "evaporation": "#1971c2",
}
_RAYS = 81
_FAN_DEG = 1.0


def draw(
    path: str | Path,
    profile: Profile,
    conditions: Conditions,
    *,
    antenna: float = 30.0,
    max_range: float = 150e3,
    top: float | None = None,
    dpi: int = 130,
) -> Path:
    """Writes a PNG. antenna: m above ground; max_range: m; top: m, of the picture (default: to fit the
    ducts)."""
    reach = max([1.6 * d.top for d in conditions.ducts] + [600.0, 3 * antenna])
    top = min(top or reach, float(profile.height[-1]))
    figure = Figure(figsize=(14, 6.4), dpi=dpi, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1, 2.6])
    _draw_profile(left, profile, conditions, top)
    even = np.linspace(-1, 1, _RAYS)
    fan = _FAN_DEG * np.sign(even) * np.abs(even) ** 1.7  # denser near the horizon, where ducts act
    shown = profile.up_to(1.02 * top)
    rays = [trace(shown, antenna, float(e), max_range, reflect=True) for e in fan]
    _draw_rays(right, rays, conditions, antenna, max_range, top)
    refraction = refraction_class(conditions.gradient)
    gradient = f"mean gradient of the lowest km {conditions.gradient:+.0f} N/km ({refraction})"
    figure.suptitle(
        f"{profile.describe()}    quality {conditions.quality:.2f}    {gradient}",
        x=0.01,
        ha="left",
        fontsize=12,
    )
    figure.savefig(path)
    return Path(path)


def _draw_profile(axes, profile: Profile, conditions: Conditions, top: float) -> None:
    gradients = profile.layer_gradients()
    for h1, h2, gradient in zip(profile.height, profile.height[1:], gradients, strict=False):
        if h1 < top:
            axes.axhspan(h1, min(h2, top), color=_CLASSES[refraction_class(gradient)], linewidth=0)
    shown = profile.height <= top * 1.05
    m = np.interp(top, profile.height, profile.modified)
    axes.plot(
        np.append(profile.modified[shown], m),
        np.append(profile.height[shown], top),
        color="black",
        lw=1.8,
        marker=".",
    )
    handles = [Patch(facecolor=c, edgecolor="#bbbbbb", label=name) for name, c in _CLASSES.items()]
    axes.legend(handles=handles, title="layer's gradient", loc="lower right", fontsize=8, title_fontsize=8)
    inside = profile.modified[shown]
    axes.set_xlim(min(inside.min(), m) - 8, max(inside.max(), m) + 8)
    axes.set_ylim(0, top)
    axes.set_xlabel("modified refractivity M (M-units)")
    axes.set_ylabel("height above ground (m)")
    axes.set_title("profile", loc="left", fontsize=10, color="#555555")
    for duct in conditions.ducts:
        colour = _DUCT_COLOURS[duct.kind]
        axes.annotate(
            "",
            (0.035, duct.top),
            (0.035, duct.base),
            xycoords=axes.get_yaxis_transform(),
            arrowprops={"arrowstyle": "<->", "color": colour, "lw": 2},
        )


def _draw_rays(
    axes, rays: list[Ray], conditions: Conditions, antenna: float, max_range: float, top: float
) -> None:
    for ducted, colour, width in ((False, _FREE, 0.7), (True, _TRAPPED, 0.9)):
        lines = [np.column_stack([r.range / 1e3, r.height]) for r in rays if r.ducted == ducted]
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=width, alpha=0.7))
    x = np.linspace(0, max_range, 400)
    radius = 4 / 3 * EARTH_RADIUS_M
    horizon = np.sqrt(2 * radius * antenna)
    axes.plot(x / 1e3, np.maximum(x - horizon, 0) ** 2 / (2 * radius), color=_HORIZON, lw=1.8, ls="--")
    for duct in conditions.ducts:
        colour = _DUCT_COLOURS[duct.kind]
        axes.axhspan(duct.base, duct.top, color=colour, alpha=0.07, linewidth=0)
        text = (
            f"{duct.kind.replace('_', '-')} duct {duct.base:.0f}-{duct.top:.0f} m, {duct.strength:.1f} M, "
            f"from {duct.min_frequency / 1e6:,.0f} MHz"
        )
        axes.text(
            max_range / 1e3 * 0.99,
            duct.top,
            text,
            ha="right",
            va="bottom",
            color=colour,
            fontsize=9,
            weight="bold",
        )
    axes.plot(0, antenna, marker="^", color="black", markersize=9, clip_on=False, zorder=5)
    handles = [
        Line2D([], [], color=_TRAPPED, label="turned back by the air"),
        Line2D([], [], color=_FREE, label="not trapped"),
        Line2D([], [], color=_HORIZON, ls="--", label="radio horizon of a 4/3 Earth"),
    ]
    axes.legend(handles=handles, loc="upper left", fontsize=8, framealpha=0.9)
    axes.set_xlim(0, max_range / 1e3)
    axes.set_xlabel("range over ground (km)")
    axes.set_title(
        f"rays from {antenna:g} m at -{_FAN_DEG:g}° to {_FAN_DEG:g}°, over a curved Earth that reflects",
        loc="left",
        fontsize=10,
        color="#555555",
    )
