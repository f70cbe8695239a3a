# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The block slow_model: a torch model inside a flowgraph."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pmt
from gnuradio import gr

from gr_speculative.heads import Heads
from gr_speculative.inference import InferenceError, Model, infer, mismatch
from gr_speculative.installed import default_slow_model
from gr_speculative.rate_limited import RateLimitedWarning
from gr_speculative.wire import HeadAnswer, Request, Verdict, WireError, printable

from .pdu import pdu_from_verdict, request_from_pdu

log = logging.getLogger(__name__)

_DEFERRED = pmt.intern("deferred")
_VERDICTS = pmt.intern("verdicts")
_COUNTERS = ("received", "ok", "busy", "expired", "error", "malformed", "batches")
_STOP_S = 1.0  # what stopping allows the batch at work


@dataclass(frozen=True, eq=False)
class _Pending:
    request: Request
    received: float  # seconds, monotonic

    def expired(self, now: float) -> bool:
        return now >= self.received + self.request.deadline_ms / 1e3


class slow_model(gr.basic_block):
    """Answers deferred vectors with a slow model, on a thread of its own, in batches of whatever waits.

    Message ports (docs/protocol.md): in `deferred`, out `verdicts`; straight from and to a fast_classifier,
    or with gr-zeromq's message blocks in between. Every valid request gets exactly one verdict: `ok`; `busy`
    at once when max_queued wait already; `expired` when its deadline, counted from its arrival here, passed
    before its turn; `error` when it does not fit the model or the model fails. What is no request is dropped,
    counted and warned about, and gets an `error` verdict where it says who it is.

    model: path of NAME.safetensors with NAME.json beside it, or `module:factory`; empty: the shipped one.
    threads: CPU threads of torch, for the whole process, ≥ 1.
    max_queued: requests that may wait, ≥ 1.
    device: a torch device, such as cpu, cuda or cuda:1.
    max_batch: most requests in one inference, ≥ 1.
    heads: what else to answer, `module:factory` or `module:factory=ARGUMENT` each (docs/heads.md).

    Raises ValueError for a value out of range or a model that cannot be used, FileNotFoundError if there is
    no shipped model, RuntimeError if this Python has no torch.
    """

    def __init__(
        self,
        model: str = "",
        threads: int = 1,
        max_queued: int = 64,
        device: str = "cpu",
        max_batch: int = 16,
        heads: Sequence[str] = (),
    ) -> None:
        gr.basic_block.__init__(self, name="slow_model", in_sig=None, out_sig=None)
        for name, value in (("threads", threads), ("max_queued", max_queued), ("max_batch", max_batch)):
            if value < 1:
                raise ValueError(f"{name} is {value}, expected at least 1")
        self._model = _load(model or default_slow_model(), threads, device)
        self._heads = Heads(heads)
        self._model_name = printable(self._model.contract.name)
        self._model_sha256 = getattr(self._model, "sha256", None)
        self._max_queued, self._max_batch = max_queued, max_batch
        self._changed = threading.Condition()  # guards the queue, the counters and the end
        self._queue: deque[_Pending] = deque()
        self._count = dict.fromkeys(_COUNTERS, 0)
        self._warn = RateLimitedWarning(log)
        self.message_port_register_in(_DEFERRED)
        self.message_port_register_out(_VERDICTS)
        self.set_msg_handler(_DEFERRED, self._on_deferred)

    def counters(self) -> dict[str, int]:
        """received = ok + busy + expired + error + malformed + those waiting or at work; and `batches`."""
        with self._changed:
            return dict(self._count)

    def start(self) -> bool:
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._serve, args=(self._stopping,), name="slow_model", daemon=True
        )
        self._thread.start()
        return True

    def stop(self) -> bool:
        """Ends within a second, whatever the model does; what still waits is answered `busy`."""
        with self._changed:
            self._stopping.set()
            self._changed.notify_all()
        self._thread.join(_STOP_S)
        if self._thread.is_alive():
            log.warning("slow_model: stopped while the model was still at work on a batch")
        with self._changed:
            waiting = list(self._queue)
            self._queue.clear()
        for pending in waiting:
            self._answer(pending, "busy", message="the slow model is stopping")
        return True

    def _on_deferred(self, message: pmt.pmt_base) -> None:
        with self._changed:
            self._count["received"] += 1
        try:
            pending = _Pending(request_from_pdu(message), time.monotonic())
        except WireError as error:
            self._refuse(error)
            return
        if (reason := mismatch(self._model.contract, pending.request)) is not None:
            self._warn("slow_model: a request of %s refused: %s", pending.request.node_id, reason)
            self._answer(pending, "error", message=reason)
            return
        with self._changed:
            room = len(self._queue) < self._max_queued
            if room:
                self._queue.append(pending)
                self._changed.notify_all()
        if not room:
            self._answer(pending, "busy", message="the slow model's queue is full")

    def _refuse(self, error: WireError) -> None:
        with self._changed:
            self._count["malformed"] += 1
        self._warn("slow_model: a message on deferred is no request and was dropped: %s", error)
        if error.identity is not None:
            self._publish(Verdict(*error.identity, "error", message=printable(error)))

    def _serve(self, stopping: threading.Event) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or stopping.is_set())
                if stopping.is_set():
                    return
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._max_batch))]
            now = time.monotonic()
            for pending in batch:
                if pending.expired(now):
                    why = "its deadline passed while it waited for the slow model"
                    self._answer(pending, "expired", message=why)
            batch = [pending for pending in batch if not pending.expired(now)]
            if batch:
                self._infer(batch)

    def _infer(self, batch: list[_Pending]) -> None:
        with self._changed:
            self._count["batches"] += 1
        try:
            requests = [pending.request for pending in batch]
            scores = infer(self._model, requests)
        except InferenceError as error:
            log.debug("slow model", exc_info=True)
            self._warn("slow_model: %s", error)
            for pending in batch:
                self._answer(pending, "error", message=str(error))
            return
        heads = self._heads.answer(self._model.contract.context, requests, scores)
        for pending, row, further in zip(batch, scores, heads, strict=True):
            if np.isnan(row[0]):
                self._answer(pending, "error", message="the slow model's scores are not probabilities")
            else:
                self._answer(pending, "ok", row, heads=further or None)

    def _answer(
        self,
        pending: _Pending,
        status: str,
        scores: np.ndarray | None = None,
        message: str | None = None,
        heads: dict[str, HeadAnswer] | None = None,
    ) -> None:
        with self._changed:
            self._count[status] += 1
        self._publish(
            Verdict(
                session=pending.request.session,
                seq=pending.request.seq,
                status=status,
                scores=np.empty(0, np.float32) if scores is None else scores,
                model=self._model_name,
                model_sha256=self._model_sha256,
                elapsed_ms=(time.monotonic() - pending.received) * 1e3,
                message=message,
                heads=heads,
            )
        )

    def _publish(self, verdict: Verdict) -> None:
        self.message_port_pub(_VERDICTS, pdu_from_verdict(verdict))


def _load(path: str, threads: int, device: str) -> Model:
    try:
        from gr_speculative.slow_model import load_slow_model
    except ImportError as error:
        raise RuntimeError(
            f"slow_model needs torch and safetensors in the Python of the flowgraph, {sys.executable}, but: "
            f"{error}. Make an environment that sees GNU Radio too, "
            "`python3 -m venv --system-site-packages ENV && ENV/bin/pip install torch safetensors`, and run "
            "the flowgraph with ENV/bin/python; or run `gr-speculative hub` anywhere and use slow_link"
        ) from None
    return load_slow_model(path, threads, device)
