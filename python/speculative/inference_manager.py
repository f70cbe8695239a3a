# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The cascade as a Python object, for notebooks and offline work, on the C++ core of the blocks."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import Any

import numpy as np

from gr_speculative.hub_client import HubClient
from gr_speculative.inference import Model, infer, mismatch
from gr_speculative.installed import default_fast_model, default_slow_model
from gr_speculative.preprocessing import quantise
from gr_speculative.wire import Request, Verdict

from .speculative_python import fast_model as FastModel
from .speculative_python import input_kind, offline_cascade

log = logging.getLogger(__name__)

_KINDS = {"complex": input_kind.complex_fft, "power": input_kind.power, "decibel": input_kind.decibel}
_CONDITIONS_STRENGTH = 0.5  # half of the way from the threshold to 1 in the worst conditions
Ask = Callable[[Request, float], Verdict]


class SpeculativeInferenceManager:
    """Classifies spectra one by one: the fast model answers at once, or the slow one within its timeout.

    fast_model: path of an ONNX file; empty: the one that comes with the module
    slow_model: path of NAME.safetensors, `module:factory`, or an object with `contract` and `predict` (as
        gr_speculative.inference.Model); empty: the one that comes with the module; None: nobody is asked
    confidence_threshold: 0 (ask never) to 1 (ask always), held against the score of the model's rule
    slow_model_timeout: seconds, > 0, after which the fast answer stands (source `fast_fallback`)
    comm_network: ZeroMQ endpoint of a hub that is asked instead of slow_model, or a callable
        `(Request, seconds) -> Verdict` of your own (gr_speculative.wire)
    enable_atmospheric_scaling: whether `update_conditions` may raise the threshold; without it nothing does

    Vectors are taken for successive ones of one stream: the slow model sees the last K of them. `reset()`
    begins another. `sample_rate` (Hz, of the samples before the FFT) has to be set, or given with each
    vector.

    Safe to use from several threads, which take turns. Raises ValueError for what is out of range,
    RuntimeError or ValueError naming a model that cannot be used. `close()`, or use as a context manager,
    ends its thread.
    """

    def __init__(
        self,
        fast_model: str | os.PathLike = "",
        slow_model: str | os.PathLike | Model | None = "",
        confidence_threshold: float = 0.85,
        slow_model_timeout: float = 2.0,
        comm_network: str | Ask | None = None,
        enable_atmospheric_scaling: bool = False,
    ) -> None:
        self.sample_rate: float | None = None
        self._fast = FastModel(os.fspath(fast_model) or default_fast_model())
        self._client: HubClient | None = None
        self._ask = self._slow_side(slow_model, comm_network)
        self._timeout = slow_model_timeout
        self._scaling = enable_atmospheric_scaling
        strength = _CONDITIONS_STRENGTH if enable_atmospheric_scaling else 0.0
        threshold = confidence_threshold if self._ask else 0.0
        self._cascade = offline_cascade(self._fast, threshold, slow_model_timeout, strength)
        if not 0 <= confidence_threshold <= 1:
            raise ValueError(f"confidence_threshold is {confidence_threshold}, expected 0 to 1")
        self._turn = threading.Lock()  # one vector at a time
        self._lock = threading.Lock()  # of the cascade, which a late verdict changes too
        self._context: deque[np.ndarray] = deque(maxlen=self._fast.slow_context)
        self._vectors = 0
        self._fast_ms = 0.0
        self._slow_thread = ThreadPoolExecutor(1, "slow_model")
        self._asked: Future | None = None

    @property
    def labels(self) -> list[str]:
        return self._fast.labels

    def infer(
        self, fft_bins: np.ndarray, sample_rate: float | None = None, kind: str | None = None
    ) -> dict[str, Any]:
        """The answer about one vector.

        fft_bins: [N], DC in the middle (numpy.fft.fftshift). kind: `complex` (FFT output), `power` (its
        squared magnitude) or `decibel`; None: complex or power, by the type of fft_bins.

        Returns prediction (a label; None for an invalid vector), confidence (0..1), source (`fast`,
        `ensemble`, `slow`, `fast_fallback`, `invalid`), logits (float32 [C] of the fast model, T·ln p: up
        to a common constant), latent_features (float32 [F]), probabilities (float32 [C], published),
        fast_prediction, fast_confidence, deferred, emission (a number that the vectors of one emission share,
        None unless `set_per_emission`), latency_ms.

        Raises ValueError for bins of another number or kind, or without a sample rate.
        """
        with self._turn:
            return self._infer(fft_bins, self._rate(sample_rate), kind)

    def reset(self) -> None:
        """What follows has nothing to do with what came before (another recording, a retune)."""
        with self._turn:
            self._context.clear()
            with self._lock:
                self._cascade.restart()

    def set_per_emission(self, on: bool) -> None:
        """Whether the slow model is asked about emissions and not about each of their vectors
        (docs/deferral.md); off to begin with."""
        with self._lock:
            self._cascade.set_per_emission(on)

    def update_conditions(self, conditions: Mapping[str, Any]) -> bool:
        """Conditions of propagation (docs/protocol.md): propagation_quality, tropospheric_duct_present,
        noise_level, timestamp. Poor ones raise the threshold. False if they do not count: too old, or
        atmospheric scaling is off."""
        if not self._scaling:
            return False
        with self._lock:
            return self._cascade.on_conditions(
                float(conditions.get("propagation_quality", 1.0)),
                bool(conditions.get("tropospheric_duct_present", False)),
                float(conditions.get("noise_level", 0.0)),
                float(conditions.get("timestamp", time.time())),
            )

    def get_statistics(self) -> dict[str, float]:
        """total_inferences; fast_path_ratio, slow_path_ratio, fallback_ratio and invalid_ratio, which sum
        to 1; current_confidence_threshold; slow_latency_p50_ms and _p99_ms (from deferral to verdict);
        mean_fast_latency_ms; and every counter of docs/architecture.md."""
        with self._lock:
            c = self._cascade.counters()
            total = max(c["vectors"], 1)
            fallback = c["timed_out"] + c["dropped"] + c["failed"] + c["unbudgeted"] + c["in_flight"]
            return {
                "total_inferences": c["vectors"],
                "fast_path_ratio": c["accepted"] / total,
                "slow_path_ratio": c["in_time"] / total,
                "fallback_ratio": fallback / total,
                "invalid_ratio": c["invalid"] / total,
                "current_confidence_threshold": self._cascade.threshold,
                "slow_latency_p50_ms": self._cascade.latency_quantile(0.5),
                "slow_latency_p99_ms": self._cascade.latency_quantile(0.99),
                "mean_fast_latency_ms": self._fast_ms / max(c["vectors"] - c["invalid"], 1),
            } | c

    def close(self) -> None:
        self._slow_thread.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    def __enter__(self) -> SpeculativeInferenceManager:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _infer(self, fft_bins: np.ndarray, rate: float, kind: str | None) -> dict[str, Any]:
        began = time.perf_counter()
        prepared = self._fast.preprocess(*self._vector(fft_bins, kind))
        if not prepared["valid"][0]:
            with self._lock:
                self._cascade.on_invalid()
            self._context.clear()
            self._vectors += 1
            return self._invalid(began)
        found = self._fast.classify(prepared["x"], np.array([self._fast.rate_feature(rate)], np.float32))
        posterior = found["posterior"][0]
        with self._lock:
            first = self._cascade.on_vector(posterior, prepared["x"][0])
        self._context.append(prepared["db"][0])
        self._fast_ms += (time.perf_counter() - began) * 1e3
        answer = self._slow_answer(first, self._request(first, rate)) if first.deferred else first
        self._vectors += 1
        return {
            "prediction": self.labels[answer.label],
            "confidence": answer.confidence,
            "source": answer.source,
            "logits": np.log(np.maximum(posterior, 1e-30)) * np.float32(self._fast.temperature),
            "latent_features": found["features"][0],
            "probabilities": np.array(answer.scores, np.float32),
            "fast_prediction": self.labels[first.label],
            "fast_confidence": first.confidence,
            "deferred": first.deferred,
            "emission": first.emission,
            "latency_ms": (time.perf_counter() - began) * 1e3,
        }

    def _slow_side(self, slow: Any, network: str | Ask | None) -> Ask | None:
        if callable(network):
            return network
        if network is not None:
            self._client = HubClient(network, self._fast.labels, self._fast.fft_size)
            return self._client.ask
        if slow is None:
            return None
        if isinstance(slow, str | os.PathLike):
            from gr_speculative.slow_model import load_slow_model  # torch, only where it is needed

            slow = load_slow_model(os.fspath(slow) or default_slow_model())

        def ask(request: Request, _: float) -> Verdict:
            if (reason := mismatch(slow.contract, request)) is not None:
                return Verdict(request.session, request.seq, "error", message=reason)
            return Verdict(request.session, request.seq, "ok", infer(slow, [request])[0])

        return ask

    def _rate(self, sample_rate: float | None) -> float:
        rate = self.sample_rate if sample_rate is None else sample_rate
        if rate is None:
            raise ValueError("no sample rate: set manager.sample_rate, or call infer(bins, sample_rate=2e6)")
        if not 0 < rate < math.inf:
            raise ValueError(f"sample_rate is {rate}, expected Hz > 0")
        return float(rate)

    def _vector(self, fft_bins: np.ndarray, kind: str | None) -> tuple[np.ndarray, input_kind]:
        bins, size = np.asarray(fft_bins), self._fast.fft_size
        if bins.shape != (size,):
            found = f"an array of shape {list(bins.shape)}"
            raise ValueError(f"fft_bins is {found}, but {self._fast.name} wants one FFT of {size} bins")
        is_complex = np.iscomplexobj(bins)
        kind = kind or ("complex" if is_complex else "power")
        if kind not in _KINDS or is_complex != (kind == "complex"):
            expected = "complex for complex bins, power or decibel for real ones"
            raise ValueError(f"kind is {kind!r}, expected {expected}")
        if kind == "power" and np.any(bins < 0):
            raise ValueError("power is never negative: is this dB? then call infer(bins, kind='decibel')")
        return bins[None], _KINDS[kind]

    def _invalid(self, began: float) -> dict[str, Any]:
        nothing = np.full(len(self.labels), np.nan, np.float32)
        return {
            "prediction": None,
            "confidence": 0.0,
            "source": "invalid",
            "logits": nothing,
            "latent_features": np.full(self._fast.feature_size, np.nan, np.float32),
            "probabilities": nothing.copy(),
            "fast_prediction": None,
            "fast_confidence": 0.0,
            "deferred": False,
            "emission": None,
            "latency_ms": (time.perf_counter() - began) * 1e3,
        }

    def _request(self, first: Any, rate: float) -> Request:
        levels, scale, low = quantise(np.stack(self._context))
        return Request(
            session=0,
            seq=first.seq,
            levels=levels,
            db_scale=scale,
            db_offset=low,
            sample_rate=rate,
            deadline_ms=self._timeout * 1e3,
            fast_label=self.labels[first.label],
            fast_confidence=first.confidence,
            node_id="inference_manager",
            offset=self._vectors,
        )

    def _slow_answer(self, first: Any, request: Request) -> Any:
        """The final answer: merged, or the fast one after the timeout. A verdict later than that is
        counted."""
        scores = []  # it failed
        if self._asked is None or self._asked.done():  # not still at work on an earlier one
            self._asked = self._slow_thread.submit(self._ask, request, self._timeout)
            try:
                scores = _scores(self._asked.result(self._timeout))
            except NotYet:
                self._asked.add_done_callback(lambda done: self._late(first.seq, done))
                return self._expired()
            except Exception as error:  # whatever a model or a network of the user's own raises
                log.warning("the slow model failed: %s", error)
        with self._lock:
            return self._cascade.expire() or self._cascade.on_verdict(first.seq, scores)

    def _expired(self) -> Any:
        while True:  # the deadline has passed, or does within the clocks' difference
            with self._lock:
                if (answer := self._cascade.expire()) is not None:
                    return answer
            time.sleep(0.001)

    def _late(self, seq: int, done: Future) -> None:
        if not done.cancelled():
            with self._lock:
                self._cascade.on_verdict(seq, [] if done.exception() else _scores(done.result()))


def _scores(verdict: Verdict) -> list[float]:
    return [float(score) for score in verdict.scores] if verdict.status == "ok" else []
