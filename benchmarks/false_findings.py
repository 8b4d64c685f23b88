"""How often `glorot check` finds something in models drawn exactly to their plan, which should be almost never.

    python benchmarks/false_findings.py            # 1,000 checks; results/false_findings.txt keeps what it prints
    python benchmarks/false_findings.py --runs 50  # fewer

Every model is started by `auto` from another seed each time, and checked against its plan without a batch: all that is
tested then is the law of the weights, at an error rate of .001 over all tests of a run.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable

import torch
from torch import nn

import glorot


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.Tanh(), nn.Linear(256, 10))


def convolutions() -> nn.Module:
    first = [nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 64, 3, groups=4), nn.ReLU()]
    return nn.Sequential(*first, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def recurrent() -> nn.Module:
    return nn.LSTM(32, 64, 2, batch_first=True)


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
    return nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)


def language_model() -> nn.Module:
    import transformers

    config = transformers.GPT2Config(n_embd=64, n_layer=4, n_head=4, vocab_size=500, n_positions=64, use_cache=False)
    return transformers.GPT2LMHeadModel(config)


MODELS: dict[str, Callable[[], nn.Module]] = {
    "perceptron": perceptron,
    "convolutions": convolutions,
    "LSTM": recurrent,
    "encoder": encoder,
    "GPT-2": language_model,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs // len(MODELS)
    print(f"# python benchmarks/false_findings.py: {runs} runs of each model, by `auto`, against its plan")
    print(f"{'model':14}{'tests a run':>12}{'runs with a finding':>21}{'s a run':>9}  findings")
    total = 0
    for name, build in MODELS.items():
        torch.manual_seed(0)
        model = build()
        plan = glorot.plan(model)
        found, tests, wrong, began = Counter[str](), 0, 0, time.perf_counter()
        for seed in range(runs):
            report = glorot.check(glorot.apply(plan, model, seed=seed), plan=plan)
            tests, wrong = report.tests, wrong + bool(report.findings)
            found.update(f"{one.code} {one.severity}" for one in report.findings)
        seconds, total = (time.perf_counter() - began) / runs, total + wrong
        told = ", ".join(f"{code} × {count}" for code, count in found.items()) or "–"
        print(f"{name:14}{tests:12}{wrong:21}{seconds:9.2f}  {told}", flush=True)
    print(f"{'all':14}{'':12}{total:21}  of {runs * len(MODELS)}")


if __name__ == "__main__":
    main()
