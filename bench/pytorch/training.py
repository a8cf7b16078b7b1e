"""Trains the flows of flows.py when asked to, a command a line on standard input, an answer a line on standard output:

load tabular|image|image32 DEVICE f32|tf32|bf16 THREADS
    finds the fastest way to train it, of those that a PyTorch user would try; answers parameters, version and way, and what was tried
train STEPS    answers the seconds that they took
memory         answers the most memory that was reserved on the GPU, in MiB
"""

import contextlib
import sys
import time

import torch

import flows

ROWS, WARM_UPS = 4096, 10


class Load:
    """A flow, rows to train it on, and the steps of training."""

    def __init__(self, name, device, precision, optimizer, threads, channels_last):
        torch.manual_seed(1)
        self.device, self.threads, self.bf16 = torch.device(device), threads, precision == "bf16"
        if name == "tabular":
            self.flow, self.rows, self.batch, self.clip = flows.TabularFlow(), torch.randn(ROWS, 30), 256, 5 * 30**0.5
        else:
            channels, side, levels = (1, 8, 17) if name == "image" else (3, 32, 256)
            self.flow = flows.ImageFlow(channels, side, levels=levels)
            self.rows, self.batch, self.clip = torch.randint(0, levels, (ROWS, channels, side, side)).float(), 64, 100.0
        self.image = name != "tabular"
        self.flow, self.rows = self.flow.to(self.device), self.rows.to(self.device)
        if self.device.type == "cuda":  # the gradient of a batch norm that has a bias and no gain fails there
            for norm in (module for module in self.flow.modules() if isinstance(module, flows.Norm)):
                norm.weight = torch.nn.Parameter(torch.ones_like(norm.bias), requires_grad=False)
        if channels_last:
            self.flow = self.flow.to(memory_format=torch.channels_last)
            self.rows = self.rows.contiguous(memory_format=torch.channels_last)
        self.parameters = [parameter for parameter in self.flow.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.Adam(self.parameters, lr=1e-3, **optimizer)
        self.order, self.next = torch.randperm(ROWS, device=self.device), 0

    def step(self):
        if self.next + self.batch > ROWS:
            self.order, self.next = torch.randperm(ROWS, device=self.device), 0
        batch = self.rows[self.order[self.next:self.next + self.batch]]
        if self.image:
            batch = batch + torch.rand_like(batch)
        self.next += self.batch
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else contextlib.nullcontext():
            loss = -self.flow.log_likelihood(batch).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.step()
        return loss.detach() if self.device.type == "cuda" else loss.item()  # a look at the loss would wait for the GPU

    def seconds(self, steps):
        torch.set_num_threads(self.threads)
        start = time.perf_counter()
        for _ in range(steps):
            self.step()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start


def candidates(name, device, precision, threads):
    cuda = device.startswith("cuda")
    optimizers = {"Adam foreach": {"foreach": True}, **({"Adam fused": {"fused": True}} if cuda else {"Adam": {"foreach": False}})}
    for way, optimizer in optimizers.items():
        if cuda:
            for layout in (False, True) if name != "tabular" else (False,):
                yield way + (", channels last" if layout else ""), (optimizer, threads, layout)
        else:
            for count in sorted({1, threads}):
                yield f"{way}, {count} thread{'s'[:count - 1]}", (optimizer, count, False)


def load(name, device, precision, threads):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    best, best_rate, tried = None, 0, []
    for way, (optimizer, count, layout) in candidates(name, device, precision, threads):
        candidate = Load(name, device, precision, optimizer, count, layout)
        candidate.seconds(WARM_UPS)
        rate = WARM_UPS / candidate.seconds(WARM_UPS)
        tried.append(f"{way} {rate:.1f}")
        if rate > best_rate:  # whichever a PyTorch user would keep
            best, best_rate, best_way = candidate, rate, way
    if best.device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    count = sum(parameter.numel() for parameter in best.parameters)
    return best, f"{count}\t{torch.__version__}, {best_way}\t{'; '.join(tried)}"


def main():
    training = None
    for line in sys.stdin:
        command, *words = line.split()
        if command == "load":
            training = None
            training, answer = load(*words[:3], int(words[3]))
        elif command == "train":
            answer = training.seconds(int(words[0]))
        else:
            answer = torch.cuda.max_memory_reserved() / 2**20 if torch.cuda.is_available() else 0
        print(answer, flush=True)


main()
