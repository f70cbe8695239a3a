#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Requests a second of one slow model behind the hub, behind plain HTTP, and behind a REP loop, in one run.

All three run the same model in a server process of its own and answer the same load: `--clients` closed loops,
each with one request of 16 x 1024 bytes under way. HTTP is FastAPI on uvicorn over kept-alive connections, with
the same batching as the hub (size and wait); the REP loop answers one request after the other. Rounds alternate,
figures are medians. CPU is that of the server's processes, and hardly depends on what else runs; the model's part of
it is all that the hub's model process takes, and in the others what the call of the model does.
Run: ./gr-speculative python bench/hub_throughput.py; by default with the model that comes with the program, with one
that costs nothing, which leaves what the servers themselves cost, and with one whose batch takes 3 ms whatever its
size, as on a GPU. The model's own CPU time for a request, alone and in a batch, is told first: their ratio is what
batching can gain. Needs `pip install fastapi 'uvicorn[standard]'`; without [standard], HTTP is slower.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import multiprocessing
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import uvicorn
import zmq
import zmq.asyncio
from fastapi import FastAPI, Request

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "tests")]
os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:2])  # for the hub's model process

from gr_speculative import wire  # noqa: E402
from gr_speculative.handshake import Hello, encode_hello  # noqa: E402
from gr_speculative.hub import Hub  # noqa: E402
from gr_speculative.hub_options import HubOptions  # noqa: E402
from gr_speculative.inference import infer  # noqa: E402
from gr_speculative.installed import default_slow_model  # noqa: E402
from gr_speculative.model_process import ModelProcess, load  # noqa: E402

MAX_WAIT_S = 0.002
NODES = 8  # connections of the hub's clients: a node has many requests under way on one
LEVELS = np.random.default_rng(1).integers(0, 120, (16, 1024), np.uint8)


VERSION, HEADER, PAYLOAD = wire.encode_request(
    wire.Request(1, 0, LEVELS, 0.5, -100.0, 1e6, 60e3, "noise", 0.5, "bench")
)


def a_request(seq: int) -> list[bytes]:
    """The frames of a request, as cheap to make as load_http's; so is reading the answer."""
    return [VERSION, HEADER.replace(b'"seq":0', b'"seq":%d' % seq), PAYLOAD]


def timed(spent):
    """infer(), which adds its CPU time in seconds to `spent`."""

    def call(model, requests):
        before = time.thread_time()
        scores = infer(model, requests)
        spent.value += time.thread_time() - before
        return scores

    return call


def serve_hub(model: str, endpoint: str, max_batch: int, ready, _spent) -> None:
    options = HubOptions(max_batch=max_batch, max_wait_ms=MAX_WAIT_S * 1e3, credit=1024)
    hub = Hub([functools.partial(ModelProcess, model)], endpoint, options)
    ready.set()
    hub.run()


def serve_rep(model: str, endpoint: str, _max_batch: int, ready, spent) -> None:
    loaded, ask = load(model, 1, "cpu"), timed(spent)
    socket = zmq.Context().socket(zmq.REP)
    socket.bind(endpoint)
    ready.set()
    while True:
        request = wire.decode_request(socket.recv_multipart())
        scores = ask(loaded, [request])[0]
        socket.send_multipart(wire.encode_verdict(wire.Verdict(request.session, request.seq, "ok", scores)))


def serve_http(model: str, port: int, max_batch: int, ready, spent) -> None:
    loaded, ask = load(model, 1, "cpu"), timed(spent)
    waiting: asyncio.Queue = asyncio.Queue()

    async def batches() -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = [await waiting.get()]
            until = loop.time() + MAX_WAIT_S
            while len(batch) < max_batch:
                try:
                    batch.append(await asyncio.wait_for(waiting.get(), until - loop.time()))
                except TimeoutError:
                    break
            requests = [request for request, _ in batch]
            scores = await loop.run_in_executor(None, ask, loaded, requests)
            for (_, answer), row in zip(batch, scores, strict=True):
                answer.set_result(row.tolist())

    app = FastAPI()

    @app.on_event("startup")
    async def start() -> None:
        app.state.task = asyncio.create_task(batches())

    @app.post("/classify")
    async def classify(
        request: Request, vectors: int, fft_size: int, scale: float, offset: float, rate: float
    ):
        levels = np.frombuffer(await request.body(), np.uint8).reshape(vectors, fft_size)
        answer = asyncio.get_running_loop().create_future()
        asked = wire.Request(1, 1, levels, scale, offset, rate, 60e3, "noise", 0.5, "bench")
        waiting.put_nowait((asked, answer))
        return {"status": "ok", "scores": await answer}

    ready.set()
    uvicorn.run(app, port=port, log_level="critical", access_log=False)


async def load_zmq(endpoint: str, clients: int, seconds: float, kind: int) -> list[float]:
    """Latencies of requests through NODES DEALERs (the hub) or a REQ for each client (the REP loop)."""
    context, elapsed, until = zmq.asyncio.Context(), [], time.perf_counter() + seconds

    async def loops(number: int) -> None:
        socket = context.socket(kind)
        socket.linger = 0
        socket.connect(endpoint)
        if kind == zmq.DEALER:
            await socket.send_multipart(encode_hello(Hello(f"node-{number}")))
            await socket.recv_multipart()
        share = clients // NODES if kind == zmq.DEALER else 1
        sent = {}
        for seq in range(share):
            sent[seq] = time.perf_counter()
            await socket.send_multipart(a_request(seq))
        following = share
        while sent:
            _, header, scores = await socket.recv_multipart()
            verdict = json.loads(header)
            now = time.perf_counter()
            assert verdict["status"] == "ok" and np.frombuffer(scores, np.float32).size, verdict
            elapsed.append(now - sent.pop(verdict["seq"]))
            if now < until:
                sent[following] = now
                await socket.send_multipart(a_request(following))
                following += 1
        socket.close()

    await asyncio.gather(*map(loops, range(NODES if kind == zmq.DEALER else clients)))
    context.term()
    return elapsed


async def load_http(port: int, clients: int, seconds: float) -> list[float]:
    """As load_zmq, over a kept-alive connection for each client; the client is as thin as HTTP allows."""
    body, elapsed, until = LEVELS.tobytes(), [], time.perf_counter() + seconds
    query = "vectors=16&fft_size=1024&scale=0.5&offset=-100&rate=1e6"
    head = f"POST /classify?{query} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    async def loop() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (started := time.perf_counter()) < until:
            writer.write(head + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert answer.startswith(b"http/1.1 200"), answer
            length = int(answer.split(b"content-length:")[1].split(b"\r\n")[0])
            json.loads(await reader.readexactly(length))
            elapsed.append(time.perf_counter() - started)
        writer.close()

    await asyncio.gather(*(loop() for _ in range(clients)))
    return elapsed


def cpu_s(pid: int) -> float:
    """What a process has used so far, by /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def spent_s(pid: int, model) -> np.ndarray:
    """What a server and its children that live have used, and of that the model: `model` where it has none."""
    children = " ".join(path.read_text() for path in Path(f"/proc/{pid}").glob("task/*/children")).split()
    theirs = sum(cpu_s(int(child)) for child in children)
    return np.array([cpu_s(pid) + theirs, theirs if children else model.value])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", help="may be repeated")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--max-batch", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    for model in args.model or [
        default_slow_model(),
        "instant_slow_model:make",
        "instant_slow_model:make_batch",
    ]:
        compare(model, args)


def model_alone(model: str, max_batch: int) -> None:
    """Prints the CPU time that the model takes for a request, alone and in a batch."""
    loaded, took = load(model, 1, "cpu"), {}
    for size in (1, max_batch) * 6:  # the first of each warms up
        requests = [wire.decode_request(a_request(seq)) for seq in range(size)]
        started = time.process_time()
        infer(loaded, requests)
        took.setdefault(size, []).append((time.process_time() - started) / size * 1e3)
    one, many = (min(took[size][1:]) for size in (1, max_batch))
    print(
        f"{model}: {one:.2f} ms of CPU a request alone, {many:.2f} in a batch of {max_batch}, ratio {one / many:.1f}"
    )


def compare(model: str, args: argparse.Namespace) -> None:
    context = multiprocessing.get_context("spawn")
    alone = context.Process(target=model_alone, args=(model, args.max_batch))
    alone.start()
    alone.join()
    base = 20_000 + time.time_ns() % 10_000
    ends = {"hub": f"tcp://127.0.0.1:{base}", "HTTP": base + 1, "REP": f"tcp://127.0.0.1:{base + 2}"}
    servers = {"hub": serve_hub, "HTTP": serve_http, "REP": serve_rep}
    loads = {
        "hub": lambda s: load_zmq(ends["hub"], args.clients, s, zmq.DEALER),
        "HTTP": lambda s: load_http(ends["HTTP"], args.clients, s),
        "REP": lambda s: load_zmq(ends["REP"], args.clients, s, zmq.REQ),
    }
    processes, results = {}, {name: [] for name in servers}
    spent = {name: context.Value("d") for name in servers}
    try:
        for name, serve in servers.items():
            ready = context.Event()
            arguments = model, ends[name], args.max_batch, ready, spent[name]
            processes[name] = context.Process(target=serve, args=arguments)
            processes[name].start()
            assert ready.wait(60), f"{name} does not start"
        time.sleep(1.0)
        for number in range(args.rounds + 1):  # the first warms up
            for name, run in loads.items():
                seconds, before = args.seconds if number else 1.0, spent_s(processes[name].pid, spent[name])
                elapsed = asyncio.run(run(seconds))
                if number:
                    p50, p99 = np.quantile(elapsed, [0.5, 0.99]) * 1e3
                    cpu = (spent_s(processes[name].pid, spent[name]) - before) / len(elapsed) * 1e6
                    results[name].append((len(elapsed) / seconds, p50, p99, *cpu))
    finally:
        for process in processes.values():
            process.terminate()
            process.join()
    print(f"{args.clients} clients, batches of {args.max_batch} and {MAX_WAIT_S * 1e3:g} ms")
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in results.items()
    }
    for name, (rate, p50, p99, cpu, model_cpu) in medians.items():
        print(
            f"{name:5} {rate:8.1f} requests/s  p50 {p50:7.2f} ms  p99 {p99:7.2f} ms  CPU {cpu:6.0f} us/request,"
            f" of which the model {model_cpu:6.0f}  hub / {name} = {medians['hub'][0] / rate:.2f}"
        )


if __name__ == "__main__":
    main()
