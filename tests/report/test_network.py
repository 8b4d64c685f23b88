"""The drawing of a network in the page of its plan: layers, streams, and the branches beside them."""

import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

import glorot
from glorot.report.network import CAPTION, network_html
from glorot.report.plan_page import plan_html


class Block(nn.Module):
    """Attention and an MLP, with their norms before or after, one after the other or at once."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.norm1, self.qkv, self.out = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)
        self.norm2, self.up, self.down = nn.LayerNorm(8), nn.Linear(8, 16), nn.Linear(16, 8)
        self.small = nn.Parameter(torch.full((8,), 0.1))

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.out(F.scaled_dot_product_attention(q, k, v))

    def mix(self, x: torch.Tensor) -> torch.Tensor:
        return self.small * self.down(torch.relu(self.up(x)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.kind == "parallel":
            return x + self.attend(self.norm1(x)) + self.mix(self.norm2(x))
        if self.kind == "post":
            x = self.norm1(x + self.attend(x))
            return self.norm2(x + self.mix(x))
        x = x + self.attend(self.norm1(x))
        return x + self.mix(self.norm2(x))


class Net(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.stem, self.blocks, self.head = (
            nn.Linear(4, 8),
            nn.ModuleList(Block(kind) for _ in range(3)),
            nn.Linear(8, 2),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class Residual(nn.Module):
    """Three blocks of convolutions, the second with a shortcut that runs first or last."""

    def __init__(self, is_first: bool) -> None:
        super().__init__()
        self.is_first = is_first
        self.fifth, self.sixth = nn.Conv2d(16, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.stem, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(16, 2)
        self.first, self.second = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.third, self.fourth, self.beside = (
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.Conv2d(8, 16, 1, stride=2),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        x = torch.relu(x + self.second(torch.relu(self.first(x))))
        beside = self.beside(x) if self.is_first else None
        y = self.fourth(torch.relu(self.third(x)))
        x = torch.relu(y + (self.beside(x) if beside is None else beside))
        x = torch.relu(x + self.sixth(torch.relu(self.fifth(x))))
        return self.head(x.mean((2, 3)))


def outline(page: str) -> str:
    """Return a drawing in one line: (frames), [branches], + of merges, and the names of the layers."""
    found = re.findall(
        r'<div class="(net|line|frame|branch|layer)[^"]*">|(</div>)|<code>([^<]*)</code>|(<i>\+</i>)', page
    )
    words, open_now = [], []
    marks = {"frame": "()", "branch": "[]"}
    for opened, closed, name, plus in found:
        if opened:
            open_now.append(opened)
            words.append(f" {marks.get(opened, '  ')[0]} ")
        elif closed:
            words.append(f" {marks.get(open_now.pop(), '  ')[1]} ")
        else:
            words.append(f" {name or '+'} " if name or plus else "")
    assert not open_now
    return " ".join("".join(words).split())


def drawing(kind: str) -> str:
    return network_html(glorot.plan(Net(kind), inputs=torch.ones(2, 5, 4)).entries)


def test_branches_stand_beside_the_stream_of_equal_blocks():
    assert outline(drawing("pre")) == ("stem ( [ norm1 qkv[q] qkv[k] qkv[v] out ] + [ norm2 up down small ] + ) head")


def test_norms_after_merges_lie_on_the_stream():
    assert outline(drawing("post")) == ("stem ( [ qkv[q] qkv[k] qkv[v] out ] + norm1 [ up down small ] + norm2 ) head")


def test_parallel_branches_end_at_one_merge():
    found = outline(drawing("parallel"))
    assert found.count("+") == 1
    assert [words.split()[-1] for words in re.findall(r"\[ ([^+]*?) \](?= [\[+])", found)] == ["out", "small"]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_shortcut_lies_on_the_stream_before_its_merge(is_first: bool):
    plan = glorot.plan(Residual(is_first), inputs=torch.ones(2, 3, 8, 8))
    blocks = "[ first second ] + beside [ third fourth ] + [ fifth sixth ] +"
    assert outline(network_html(plan.entries)) == f"stem {blocks} head"


def test_the_drawing_says_what_layers_are_for_and_where_branches_lie():
    page = drawing("pre")
    text = re.sub(r"<[^>]+>", "", page)
    assert "blocks.{0..2} ×3" in text
    assert "down 16 → 8 fed by relu" in text
    assert "branch 1…5 of 6" in text
    assert "branch 2…6 of 6" in text


def test_streams_have_colours_of_their_own():
    class Towers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right, self.head = Block("pre"), Block("pre"), nn.Linear(16, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(torch.cat([self.left(x), self.right(torch.tanh(x))], -1))

    page = network_html(glorot.plan(Towers(), inputs=torch.ones(2, 5, 8)).entries)
    assert "branch 1 of 2 on stream 2" in page
    assert len(set(re.findall(r'class="line (c\d+)"', page))) == 2


def test_the_page_of_a_plan_has_the_drawing_where_a_batch_showed_the_network():
    shown = plan_html(glorot.plan(Net("pre"), inputs=torch.ones(2, 5, 4)))
    assert '<div class="net">' in shown
    assert CAPTION in shown
    assert '<div class="net">' not in plan_html(glorot.plan(nn.Linear(2, 2), inputs=False))


def test_names_are_escaped():
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleDict({"<script>": nn.Linear(4, 4)})

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layers["<script>"](x)

    page = network_html(glorot.plan(Odd(), inputs=torch.ones(1, 4)).entries)
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
