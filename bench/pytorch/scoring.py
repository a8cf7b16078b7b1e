"""Scores rows and draws rows with a flow in eager PyTorch: says what it runs on, then answers each request, a line of JSON, with one.

Usage: scoring.py --device cuda|cpu

A request names a flow (JSON, as bench writes it), a file of float32 rows, how many of them, and the graph ("density" or "sampling"); then
either the seconds to take for a rate, or a file for the results.
"""

import argparse
import array
import functools
import json
import math
import statistics
import time

import torch
from torch.nn import functional

MAX_EXPONENT = 80.0


class Standardization:
    def __init__(self, step, tensor):
        self.mean, self.deviation = tensor(step["mean"]), tensor(step["deviation"])
        self.constant = -self.deviation.double().log().sum().item()

    def forward(self, x):
        return (x - self.mean) / self.deviation, self.constant

    def inverse(self, y):
        return y * self.deviation + self.mean


class TailCompression:
    def __init__(self, step, tensor):
        self.bound = step["bound"]

    def forward(self, x):
        excess = (x.abs().clamp(min=self.bound) / self.bound).log()
        return x.clamp(-self.bound, self.bound) + self.bound * excess * x.sign(), -excess.sum(1)

    def inverse(self, y):
        excess = (y.abs() / self.bound - 1).clamp(0, MAX_EXPONENT)
        return y.clamp(-self.bound, self.bound) * excess.exp()


class Permutation:
    def __init__(self, step, tensor):
        self.order = tensor(step["order"]).long()
        self.back = self.order.argsort()

    def forward(self, x):
        return x[:, self.order], 0.0

    def inverse(self, y):
        return y[:, self.back]


class Coupling:
    """A coupling of two halves, each a range of columns, with the batch norm of what it transforms."""

    def __init__(self, step, tensor):
        self.half, self.first_conditions = step["half"], step["first_conditions"]
        self.trunk = [(tensor(layer["weight"]).view(layer["outputs"], -1), tensor(layer["bias"])) for layer in step["trunk"]]
        heads = [step["log_scale"], step["shift"]]  # as one layer of twice as many outputs, which is faster
        self.head = (torch.cat([tensor(head["weight"]).view(head["outputs"], -1) for head in heads]),
                     torch.cat([tensor(head["bias"]) for head in heads]))
        self.gain, self.scale, self.offset = tensor(step["gain"]), tensor(step["scale"]), tensor(step["offset"])
        self.constant = self.scale.double().log().sum().item()

    def net(self, x):
        for weight, bias in self.trunk:
            x = functional.relu(functional.linear(x, weight, bias))
        r, shift = functional.linear(x, *self.head).chunk(2, 1)
        return torch.tanh(r) * self.gain, shift

    def halves(self, x):
        first, second = x[:, :self.half], x[:, self.half:]
        return (first, second) if self.first_conditions else (second, first)

    def join(self, conditioning, transformed):
        return torch.cat((conditioning, transformed) if self.first_conditions else (transformed, conditioning), 1)

    def forward(self, x):
        conditioning, transformed = self.halves(x)
        s, shift = self.net(conditioning)
        y = (transformed * s.exp() + shift) * self.scale + self.offset
        return self.join(conditioning, y), s.sum(1) + self.constant

    def inverse(self, y):
        conditioning, transformed = self.halves(y)
        s, shift = self.net(conditioning)
        return self.join(conditioning, ((transformed - self.offset) / self.scale - shift) * (-s).exp())


STEPS = {step.__name__: step for step in (Standardization, TailCompression, Permutation, Coupling)}


class Flow:
    def __init__(self, path, device):
        with open(path) as file:
            content = json.load(file)
        self.features = content["features"]
        tensor = functools.partial(torch.tensor, dtype=torch.float32, device=device)
        self.steps = [STEPS[step["kind"]](step, tensor) for step in content["steps"]]

    def density(self, x):
        total = 0.0
        for step in self.steps:
            x, log_det = step.forward(x)
            total = total + log_det
        return -0.5 * (x * x).sum(1) - 0.5 * self.features * math.log(2 * math.pi) + total, x

    def sampling(self, z):
        for step in reversed(self.steps):
            z = step.inverse(z)
        return (z,)


class Server:
    def __init__(self, device):
        self.device = torch.device(device)
        self.flow = functools.lru_cache(lambda path: Flow(path, self.device))
        self.rows = functools.lru_cache(self.read)
        self.settle()

    def read(self, path, features):
        with open(path, "rb") as file:
            values = torch.frombuffer(bytearray(file.read()), dtype=torch.float32)
        return values.view(-1, features).to(self.device)

    def settle(self):
        """A GPU works behind the calls: what was asked for is there once it has caught up."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def name(self):
        where = torch.cuda.get_device_name() if self.device.type == "cuda" else f"{torch.get_num_threads()} thread(s) of the CPU"
        return f"PyTorch {torch.__version__} on {where}"

    def answer(self, request):
        flow = self.flow(request["flow"])
        rows = self.rows(request["rows"], flow.features)[:request["batch"]]
        work = getattr(flow, request["graph"])
        if request.get("results"):
            values = work(rows)[0].flatten().cpu().tolist()
            with open(request["results"], "wb") as file:
                array.array("f", values).tofile(file)
            return {}
        return {"rate": len(rows) / statistics.median(self.times(lambda: work(rows), request["seconds"]))}

    def times(self, work, limit):
        found, start = [], time.perf_counter()
        warm = start + limit / 4
        while True:
            before = time.perf_counter()
            work()
            self.settle()
            after = time.perf_counter()
            if before >= warm:
                found.append(after - before)
            if len(found) >= 3 and after >= start + limit:
                return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    arguments = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    with torch.inference_mode():
        server = Server(arguments.device)
        print(json.dumps({"name": server.name()}), flush=True)
        while True:
            try:
                request = json.loads(input())
            except EOFError:
                return
            print(json.dumps(server.answer(request)), flush=True)


main()
