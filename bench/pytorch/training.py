"""Trains a flow of flows.py in turns: says its size, then, for each number of steps read, the seconds that they took.

Usage: training.py tabular|image THREADS, the most that it may use
"""

import sys
import time

import torch

import flows

ROWS, WARM_UPS = 4096, 10


def tabular():
    return flows.TabularFlow(), torch.randn(ROWS, 30), 256, lambda batch: batch, 5 * 30**0.5


def image():
    rows = torch.randint(0, 17, (ROWS, 1, 8, 8)).float()
    return flows.ImageFlow(), rows, 64, lambda batch: batch + torch.rand_like(batch), 100.0


class Training:
    def __init__(self, load, foreach, threads):
        self.threads = threads
        torch.manual_seed(1)
        self.flow, self.rows, self.batch, self.noise, self.clip = load()
        self.parameters = [parameter for parameter in self.flow.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.Adam(self.parameters, lr=1e-3, foreach=foreach)
        self.order, self.next = torch.randperm(ROWS), 0

    def step(self):
        if self.next + self.batch > ROWS:
            self.order, self.next = torch.randperm(ROWS), 0
        batch = self.noise(self.rows[self.order[self.next:self.next + self.batch]])
        self.next += self.batch
        self.optimizer.zero_grad(set_to_none=True)
        loss = -self.flow.log_likelihood(batch).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.step()
        return loss.item()

    def seconds(self, steps):
        torch.set_num_threads(self.threads)
        start = time.perf_counter()
        for _ in range(steps):
            self.step()
        return time.perf_counter() - start


def main():
    load = {"tabular": tabular, "image": image}[sys.argv[1]]
    candidates = {
        f"{name}, {threads} thread{'s'[:threads - 1]}": Training(load, foreach, threads)
        for name, foreach in (("Adam", False), ("Adam foreach", True))
        for threads in sorted({1, int(sys.argv[2])})
    }
    times = {}
    for name, training in candidates.items():
        training.seconds(WARM_UPS)
        times[name] = training.seconds(WARM_UPS)
    best = min(times, key=times.get)  # whichever a PyTorch user would keep
    chosen = candidates[best]
    count = sum(parameter.numel() for parameter in chosen.parameters)
    print(f"{count}\t{torch.__version__}, {best}", flush=True)
    for line in sys.stdin:
        print(chosen.seconds(int(line)), flush=True)


main()
