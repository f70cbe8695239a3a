# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""OFDM modulators: 802.11a/g/n-like packets, LTE-like downlink. See signals.py for the interface."""

from __future__ import annotations

import numpy as np
from scipy.fft import ifft
from scipy.signal import firwin, oaconvolve

from .canvas import Canvas, Rng, log_uniform
from .modulators import Occupied

_WIFI_RATE = 20e6
# IEEE 802.11 clause 17: carriers of the short and long training symbols, −26 … 26.
_SHORT = {-24: 1, -20: -1, -16: 1, -12: -1, -8: -1, -4: 1, 4: -1, 8: -1, 12: 1, 16: 1, 20: 1, 24: 1}
_LONG = "++--++-+-++++++--++-+-++++0+--++-+-+-----++--+-+-++++"


def _qam(rng: Rng, shape: tuple[int, ...], order: int) -> np.ndarray:
    """Random constellation points of unit mean power, complex64; order 2, 4, 16 or 64."""
    if order == 2:
        points = np.array([-1, 1], np.complex64)
    else:
        side = round(order**0.5)
        axis = np.arange(side) * 2 - side + 1
        points = (axis[:, None] + 1j * axis[None, :]).ravel() / np.sqrt(2 * np.mean(axis**2))
    return points.astype(np.complex64)[rng.integers(0, order, shape, dtype=np.uint8)]


def _wifi_packet(rng: Rng, n_symbols: int, order: int, carriers: np.ndarray) -> np.ndarray:
    """Preamble, SIGNAL and `n_symbols` of data, complex64 at 20 MS/s, mean power about 1."""
    short = np.zeros(64, np.complex64)
    for carrier, sign in _SHORT.items():
        short[carrier] = sign * (1 + 1j) * np.sqrt(13 / 6)
    long = np.zeros(64, np.complex64)
    long[np.arange(-26, 27)] = [{"+": 1, "-": -1, "0": 0}[c] for c in _LONG]
    grid = np.zeros((1 + n_symbols, 64), np.complex64)
    grid[0, np.r_[-26:0, 1:27]] = _qam(rng, (52,), 2)
    grid[1:, carriers] = _qam(rng, (n_symbols, len(carriers)), order)
    symbols = ifft(grid, axis=1)
    data = np.concatenate([symbols[:, -16:], symbols], axis=1).ravel()
    short, long = ifft(short), ifft(long)
    packet = np.concatenate([np.tile(short[:16], 10), long[-32:], long, long, data])
    return packet * np.float32(64 / np.sqrt(52))


def wifi_ofdm(canvas: Canvas, rng: Rng) -> Occupied:
    """802.11a/g (52 carriers) or n (56), 20 MHz: packets of 50 µs–5 ms, acknowledged, gaps up to 5 ms."""
    ht = rng.random() < 0.4
    edge = 28 if ht else 26
    carriers = np.r_[-edge:0, 1 : edge + 1]
    order = int(rng.choice([2, 4, 16, 64]))
    n_symbols = int(log_uniform(rng, 8, 1200 if ht else 500))
    longest_gap = log_uniform(rng, 100e-6, 5e-3)
    acknowledged = rng.random() < 0.8
    length = 20e-6 + n_symbols * 4e-6
    exchange = length + (60e-6 if acknowledged else 0)
    ack_level = np.float32(10 ** (-rng.uniform(0, 15) / 20))
    for start in canvas.schedule(rng, exchange, (34e-6, longest_gap)):
        canvas.paste(start, _wifi_packet(rng, n_symbols, order, carriers), _WIFI_RATE)
        if acknowledged:
            canvas.paste(start + length + 16e-6, ack_level * _wifi_packet(rng, 6, 2, carriers), _WIFI_RATE)
    half_width = min((edge + 0.5) * 312.5e3, canvas.rate / 2)
    return -half_width, half_width, {"carriers": 2 * edge, "qam": order, "data_symbols": n_symbols}


# Resource blocks and FFT size of each LTE channel bandwidth (3GPP TS 36.104, 36.211).
_LTE = {1.4: (6, 128), 3: (15, 256), 5: (25, 512), 10: (50, 1024), 15: (75, 1536), 20: (100, 2048)}


def _lte_cell(rng: Rng, rate: float) -> dict:
    """Draw a cell that a receiver of this rate would see: a whole carrier, or the middle of a wider one."""
    fits = [mhz for mhz in _LTE if mhz * 1e6 <= rate]
    wider = [mhz for mhz in _LTE if mhz * 1e6 > rate]
    if wider and (not fits or rng.random() < 0.4):
        fft_size = next((n for _, n in _LTE.values() if n * 15e3 >= rate), 2048)
        carriers, mhz = fft_size // 2 - 1, float(rng.choice(wider))
    else:
        mhz = float(rng.choice(fits))
        blocks, fft_size = _LTE[mhz]
        carriers = blocks * 6
    return {
        "mhz": mhz,
        "fft_size": fft_size,
        "carriers": carriers,  # each side of the empty DC
        "load": float(rng.beta(0.6, 1.2)),
        "ports": int(rng.choice([1, 2])),
        "control_symbols": int(rng.integers(1, 4)),
        "tdd": bool(rng.random() < 0.35),
        "shift": int(rng.integers(6)),
        "data_db": float(rng.uniform(-3, 3)),
    }


def _lte_frame(rng: Rng, cell: dict) -> np.ndarray:
    """One radio frame of 10 ms at fft_size·15 kHz, complex64, a fully loaded symbol at mean power 1."""
    n, half = cell["fft_size"], cell["carriers"]
    carriers = np.r_[-half:0, 1 : half + 1]
    group = np.arange(2 * half) // 36  # three resource blocks are scheduled together
    scheduled = np.repeat(rng.random((10, group[-1] + 1)) < cell["load"], 14, axis=0)[:, group]
    subframe, symbol = np.divmod(np.arange(140), 14)
    control = symbol < cell["control_symbols"]
    scheduled[control] = rng.random((control.sum(), 2 * half)) < 0.2 + 0.6 * cell["load"]
    grid = _qam(rng, (140, 2 * half), int(rng.choice([4, 16, 64])))
    grid *= scheduled * np.float32(10 ** (cell["data_db"] / 20))
    for position, shift in ((0, 0), (4, 3), (7, 0), (11, 3)):  # reference signals, always on
        for port in range(cell["ports"]):
            comb = np.arange((cell["shift"] + shift + 3 * port) % 6, 2 * half, 6)
            rows = np.flatnonzero(symbol == position)
            grid[np.ix_(rows, comb)] = _qam(rng, (len(rows), len(comb)), 4)
    middle = slice(max(0, half - 36), half + 36)
    sync = slice(max(0, half - 31), half + 31)
    broadcast = (subframe == 0) & (symbol >= 7) & (symbol < 11)
    grid[broadcast, middle] = _qam(rng, grid[broadcast, middle].shape, 4)
    for row in np.flatnonzero((subframe % 5 == 0) & ((symbol == 5) | (symbol == 6))):
        grid[row, middle] = 0
        grid[row, sync] = _qam(rng, grid[row, sync].shape, 4)
    if cell["tdd"]:  # configuration 1: subframes 2, 3, 7, 8 belong to the uplink, 1 and 6 half
        grid[np.isin(subframe, [2, 3, 7, 8]) | (np.isin(subframe, [1, 6]) & (symbol > 9))] = 0
    spectrum = np.zeros((140, n), np.complex64)
    spectrum[:, carriers] = grid
    time = ifft(spectrum, axis=1) * np.float32(n / np.sqrt(2 * half))
    return time.ravel()[_cyclic_prefix_index(n)]


def _cyclic_prefix_index(n: int) -> np.ndarray:
    """Index into 140·n symbol samples that puts the normal cyclic prefix before each (TS 36.211, 6.12)."""
    symbols = []
    for symbol in range(140):
        prefix = (160 if symbol % 7 == 0 else 144) * n // 2048
        symbols.append(symbol * n + np.arange(-prefix, n) % n)
    return np.concatenate(symbols)


def lte_ofdm(canvas: Canvas, rng: Rng) -> Occupied:
    """LTE-like downlink, 1.4–20 MHz, FDD or TDD, any load; reference, sync and broadcast always there."""
    cell = _lte_cell(rng, canvas.rate)
    native = cell["fft_size"] * 15e3
    start = -rng.uniform(0, 0.01)
    frames = int(np.ceil((canvas.duration - start) / 0.01))
    signal = np.concatenate([_lte_frame(rng, cell) for _ in range(frames)])
    skip = round(-start * native)
    signal = signal[skip : skip + int(np.ceil(canvas.duration * native)) + 1]
    if cell["carriers"] * 30e3 < 0.95 * native:
        # A transmitter's mask: the steps between symbols must not splatter over the neighbours.
        edge = cell["carriers"] * 15e3 + 0.025e6 * cell["mhz"]
        signal = oaconvolve(signal, firwin(101, edge, fs=native).astype(np.float32), mode="same")
    canvas.paste(0.0, signal, native)
    half_width = min((cell["carriers"] + 0.5) * 15e3, canvas.rate / 2)
    return -half_width, half_width, cell
