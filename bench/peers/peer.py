"""The other half of a benchmark: takes orders on standard input, one a line, and answers each with one line.

    steps N     runs N steps, answers the seconds they took
    product N   multiplies N x N matrices, answers the best GFLOP/s of ten
"""
import json
import sys
import time

import torch


def serve(step):
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    torch.set_num_threads(threads)
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        word, count = line.split()
        print(f"{steps(step, int(count)) if word == 'steps' else product(int(count)):.9f}", flush=True)


def steps(step, count):
    start = time.perf_counter()
    for _ in range(count):
        step()
    return time.perf_counter() - start


def product(n):
    a, b = torch.ones(n, n), torch.ones(n, n)
    best = min(steps(lambda: torch.mm(a, b), 1) for _ in range(6))
    return 2 * n**3 / best / 1e9
