"""A plan as a tree: modules in the order in which they run, equal blocks as one, branches told."""

import torch
from torch import nn

import glorot
from glorot.plans.outline import Outline, outline_of


class Block(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.down, self.up, self.norm = nn.Linear(4 * width, width), nn.Linear(width, 4 * width), nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.down(torch.relu(self.up(self.norm(x))))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        return x + self.out(nn.functional.scaled_dot_product_attention(q, k, v))


class Net(nn.Module):
    """Blocks of two kinds in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(10, 8), nn.Linear(8, 3)
        self.body = nn.ModuleDict({"blocks": nn.ModuleList(Block() if n % 2 else Attention() for n in range(6))})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.words(x)
        for block in self.body["blocks"]:
            x = block(x)
        return self.head(x)


class Towers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.head = Block(), Block(), nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.cat([self.left(x), self.right(torch.tanh(x))], -1))


TREE = """\
plan: auto · 45 parts · 6 branches on 1 stream

                  fans    fed by          purpose
words                                     embedding
body.blocks
├─ {0..4..2}  ×3
│  ├─ qkv[q]      8 → 8   identity … sum  q
│  ├─ qkv[k]      8 → 8   identity … sum  k
│  ├─ qkv[v]      8 → 8   identity … sum  v
│  └─ out         8 → 8   identity        o, ends branch 1…5 of 6
└─ {1..5..2}  ×3
   ├─ norm                                scale
   ├─ up          8 → 32  identity        up
   └─ down        32 → 8  relu            down, ends branch 2…6 of 6
head              8 → 3   sum             head"""


def test_the_tree_of_a_model_with_blocks():
    assert glorot.plan(Net(), inputs=torch.arange(10).reshape(2, 5)).tree() == TREE


def test_streams_are_numbered_where_there_are_several():
    tree = glorot.plan(Towers(), inputs=torch.ones(2, 8)).tree()
    assert "2 branches on 2 streams" in tree
    assert [line.rpartition(", ")[2] for line in tree.splitlines() if "ends" in line] == [
        "ends branch 1 of 1 on stream 1", "ends branch 1 of 1 on stream 2",
    ]  # fmt: skip


def test_without_a_graph_the_tree_says_what_it_does_not_know():
    tree = glorot.plan(Towers(), inputs=False).tree()
    assert tree.splitlines()[0] == "plan: auto · 14 parts"
    assert tree.endswith(
        "no batch showed what the model computes; with one, each layer's purpose and the branches are told too"
    )
    assert "kernel" in tree


def labels(outline: Outline) -> list[object]:
    return [[one.label, labels(one)] if one.inside else one.label for one in outline.inside]


def test_modules_with_one_thing_inside_are_one():
    deep = nn.Sequential(nn.Sequential(nn.Sequential(nn.Linear(4, 4))), nn.Linear(4, 2))
    assert labels(outline_of(glorot.plan(deep, inputs=torch.ones(1, 4)))) == ["0.0.0", "1"]


def test_blocks_that_differ_are_not_folded():
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 5), nn.Linear(5, 4))
    found = outline_of(glorot.plan(net, inputs=False))
    assert [(one.label, one.times, len(one.entries)) for one in found.inside] == [
        ("{0,1}", 2, 2),
        ("2", 1, 1),
        ("3", 1, 1),
    ]


def test_parameters_of_one_layer_that_all_count_have_their_names():
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Bilinear(4, 4, 4)
            self.table = nn.Parameter(torch.zeros(5, 4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x + self.table, x)

    assert labels(outline_of(glorot.plan(Pair(), inputs=torch.ones(2, 5, 4)))) == ["table", "layer"]


def test_a_tree_steers_no_terminal():
    plan = glorot.plan(nn.Sequential(nn.Linear(2, 2)), inputs=torch.ones(1, 2))
    odd = glorot.plan(nn.ModuleDict({"a\x1b[2J": nn.Linear(2, 2)}), inputs=False)
    assert "\x1b" not in plan.tree() + odd.tree()
    assert r"a\x1b[2J" in odd.tree()
