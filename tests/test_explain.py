"""The pages of `explain`: what they say, that they fit, and that they need nothing."""

import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

import glorot
from glorot.catalogue import squash
from glorot.errors import GlorotError
from glorot.fans import dense
from glorot.report.explanation import explanation
from glorot.report.explanation.asked import page_of
from glorot.report.explanation.page import CATALOGUES
from glorot.report.explanation.samples import density, has_density, reach
from glorot.report.links import DOCUMENTATION, lab_link
from glorot.schemes import SCHEMES

EVERY = [f"{kind}:{name}" for kind, catalogue in CATALOGUES.items() for name in catalogue]


def flowing(text: str) -> str:
    """Undo the line breaks, so that a sentence can be looked for."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def xavier() -> str:
    return flowing(explanation("xavier", full=True))


@pytest.mark.parametrize(
    "fact",
    [
        "signal fades from layer to layer",
        "every tanh saturates",
        "y = Σ w·x",
        "Var(w·x) = E[w]²·Var(x) + E[x]²·Var(w) + Var(w)·Var(x)",
        "both means 0",
        "independent and identically distributed",
        "n·Var(w) = 1",
        "fan_in·Var(w) = 1",
        "fan_out·Var(w) = 1",
        "only if fan_in = fan_out",
        "Var(w) = 2/(fan_in + fan_out)",
        "σ = √(2/(fan_in + fan_out))",
        "√(6/(fan_in + fan_out))",
        "300 → 100",
        "σ = √.005 = .0707",
        "√(6/400) = .1225",
        "PyTorch stores a weight as (out, in)",
        "JAX store a kernel as (in, out)",
        "InnerProduct stores (N, K)",
        "±√(3/fan_in)",
        "tanh, softsign and linear",
        "ReLU, which cuts half of the signal away (`he`)",
        "slope ≤ ¼ and mean ½ (four times Xavier",
        "cited as of 2009",
        "AISTATS 2010",
        "Xavier Glorot's first name",
        "Next: `glorot compare`",
    ],
)
def test_xavier_tells_a_beginner(xavier: str, fact: str) -> None:
    assert fact in xavier


def test_the_numbers_of_the_xavier_page_are_right() -> None:
    law = SCHEMES.make("xavier_uniform")(dense(300, 100))
    assert (f"{law.std:.4f}", f"{law.high:.4f}") == ("0.0707", "0.1225")
    caffe = SCHEMES.make("lecun_uniform")(dense(300, 100))
    assert f"{caffe.high:.4f}" == "0.1000"


def test_the_screen_of_xavier_has_the_whole_idea() -> None:
    screen = explanation("xavier")
    assert screen.splitlines()[0] == "xavier · recipe · also called glorot"
    for title in ("The idea:", "When to use:", "When not to use:", "Next: `glorot compare`"):
        assert f"{title}" in screen
    flow = flowing(screen)
    assert "300 → 100: σ = 0.07071, bound ±0.1225. n·Var(w) = 1.5 forward, 0.5 back" in flow
    assert "ten such layers: 1.5^10 = 57.67 and 0.5^10 = 0.0009766." in flow
    question, picture, formula = (
        flow.index(text) for text in ("How large must", "Half of Xavier's σ fades", "W ~ U(±√(")
    )
    assert question < picture < formula
    assert screen.splitlines()[-1] == "All of it: glorot explain xavier --full"


@pytest.mark.parametrize("name", EVERY)
def test_a_page_fits_one_screen(name: str) -> None:
    lines = explanation(name).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    wanted = "  The answer: " if name.startswith("topic:") else "  When to use: "
    assert any(line.startswith(wanted) for line in lines)
    assert lines[-1].startswith("All of it: glorot explain ")
    assert not any(line != line.rstrip() for line in lines)


@pytest.mark.parametrize("name", EVERY)
def test_the_full_page_holds_every_section(name: str) -> None:
    text = explanation(name, full=True)
    page = page_of(name)
    flow = flowing(text)
    for section in page.doc.sections:
        for block in section.blocks if section.title not in ("Related", "Also asked as") else ():
            assert flowing(block.content) in flow
    code = (">>>", "...")
    assert all(len(line) <= 80 for line in text.splitlines() if not line.lstrip().startswith(code))


@pytest.mark.parametrize("name", EVERY)
def test_the_html_page_is_one_well_formed_file(name: str) -> None:
    text = explanation(name, html=True)
    head, rest = text.split("\n", 1)
    root = ElementTree.fromstring(rest)
    assert (head, root.tag) == ("<!DOCTYPE html>", "html")
    page = page_of(name)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}svg"))) >= bool(page.samples or page.phi)
    links = [element.attrib["href"] for element in root.iter() if "href" in element.attrib]
    assert links == ([lab_link(page.lab)] if page.lab else [])
    assert not any("src" in element.attrib for element in root.iter())
    addresses = set(re.findall(r"https?://[^\"#]*", text))
    assert addresses <= {"http://www.w3.org/2000/svg", f"{DOCUMENTATION}/lab.html"}
    assert "@import" not in text
    assert "url(" not in text


@pytest.mark.parametrize("name", EVERY)
def test_no_drawing_has_a_number_gone_wrong(name: str) -> None:
    numbers = re.findall(r' (?:points|[xy][12]?)="([^"]*)"', explanation(name, html=True))
    values = np.array([float(v) for text in numbers for v in re.split(r"[ ,]+", text)])
    assert np.isfinite(values).all()
    assert values.size == 0 or (values.min() >= 0 and values.max() <= 720)


def test_every_page_that_can_has_a_drawing() -> None:
    without = [name for name in EVERY if "<svg" not in explanation(name, html=True)]
    assert without == ["recipe:current"]


@pytest.mark.parametrize("name", ["xavier_uniform", "xavier_normal", "truncated_normal(0.02)", "uniform(0.1, 0.3)"])
def test_a_density_holds_all_the_mass(name: str) -> None:
    law = SCHEMES.make(name)(dense(300, 100))
    assert has_density(law)
    span = reach([law])
    x = np.linspace(-span, span, 200_001)
    assert np.trapezoid(density(law, x), x) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("tanh", "hence the gain 1/√E φ² = 1.593; `auto` takes g_f = 1.593 and g_b = 1.467"),
        ("sigmoid", "hence the gain 1/√E φ² = 1.846; `auto` takes g_f = 4 and g_b = 4"),
        ("relu", "E φ = 0.3989, E φ² = 0.5, E φ′² = 0.5, φ′(0) = 0"),
    ],
)
def test_an_activation_has_its_moments_and_gains(name: str, numbers: str) -> None:
    assert numbers in flowing(explanation(name))


def test_an_activation_without_a_gain_still_has_a_page() -> None:
    page = explanation("softshrink(lambd=100.0)")
    assert "E φ² = 0, E φ′² = 0" in page
    assert "hence the gain" not in page
    assert "<svg" in explanation("softshrink(lambd=100.0)", html=True)


def test_names_aliases_and_calls_are_understood() -> None:
    assert explanation("glorot") == explanation("xavier")
    assert explanation("kaiming_normal").startswith("he_normal · scheme · also called kaiming_normal")
    assert "σ = 0.3" in explanation("normal(std=0.3)")
    assert "leaky" in explanation("leaky_relu(0.2)").lower()
    assert explanation(" xavier ") == explanation("xavier")


def test_a_call_changes_the_numbers() -> None:
    assert "bound ±0.2449" in explanation("xavier_uniform(gain=2.0)")
    assert explanation("leaky_relu(0.2)") != explanation("leaky_relu")


def test_a_shared_name_points_to_the_other_pages() -> None:
    recipe = explanation("zeros")
    assert recipe.splitlines()[0] == "zeros · recipe · see also scheme:zeros"
    scheme = explanation("scheme:zeros")
    assert scheme.splitlines()[0] == "zeros · scheme · see also recipe:zeros"
    assert scheme.splitlines()[-1] == "All of it: glorot explain scheme:zeros --full"
    assert explanation("identity").startswith("identity · scheme · see also activation:identity")
    assert explanation("activation:identity").startswith("identity · activation")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("xavir", "unknown name 'xavir' (did you mean 'xavier'"),
        ("he_norml", "(did you mean 'he_normal'"),
        ("sigmoyd", "(did you mean 'sigmoid'"),
        ("qqq", "unknown name 'qqq'; topics: activation_functions, bias, convergence, "),
        ("scheme:xavier", "unknown scheme 'xavier' (did you mean 'xavier_normal' or 'xavier_uniform'"),
        ("normal(", "cannot read 'normal('"),
        ("normal(std=-1)", "normal: std must be a positive number, got -1"),
        ("relu(3)", "'relu(3)': too many positional arguments; the activation is relu()"),
        ("", "cannot read ''"),
        (3, "explain takes a name such as 'xavier' or 'relu', got int"),
    ],
)
def test_what_cannot_be_explained_is_refused(name: str, message: str) -> None:
    with pytest.raises(GlorotError, match=re.escape(message)):
        explanation(name)


def imported_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sorted(m.partition('.')[0] for m in sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


FRAMEWORKS = {"torch", "jax", "keras", "tensorflow", "sklearn", "altair", "scipy"}


def test_explaining_imports_no_framework() -> None:
    loaded = imported_by("from glorot.report.explanation import explanation; explanation('xavier', html=True)")
    assert "numpy" in loaded
    assert not FRAMEWORKS & loaded


def test_an_imported_framework_would_be_seen() -> None:
    assert "sklearn" in imported_by("import sklearn")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("Xavier", "recipe:xavier"),
        ("XAVIER", "recipe:xavier"),
        (" glorot ", "recipe:xavier"),
        ("GlorotUniform", "scheme:xavier_uniform"),
        ("xavier uniform", "scheme:xavier_uniform"),
        ("Xavier-Uniform", "scheme:xavier_uniform"),
        ("xavier_uniform_", "scheme:xavier_uniform"),
        ("HeNormal(mode='fan_out')", "scheme:he_normal"),
        ("Leaky ReLU (0.2)", "activation:leaky_relu"),
        ("Scheme: Zeros", "scheme:zeros"),
        ("hard-tanh", "activation:hardtanh"),
    ],
)
def test_a_name_is_found_however_it_is_spelled(asked: str, found: str) -> None:
    page = page_of(asked)
    assert f"{page.kind}:{page.name}" == found


def test_however_a_name_is_spelled_it_is_the_same_scheme() -> None:
    assert (
        glorot.draw("Xavier Uniform", (3, 2), seed=0).tolist() == glorot.draw("xavier_uniform", (3, 2), seed=0).tolist()
    )
    assert SCHEMES.make("Truncated-Normal(std=0.02)") == SCHEMES.make("truncated_normal(std=0.02)")


@pytest.mark.parametrize("kind", CATALOGUES)
def test_no_two_names_of_a_kind_are_spelled_alike(kind: str) -> None:
    names = [name for own in CATALOGUES[kind] for name in (own, *CATALOGUES[kind].aliases(own))]
    assert len({squash(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("zeroz", " (did you mean 'zeros'?)"),  # a recipe and a scheme, but one name
        ("Xavir", " (did you mean 'xavier'?)"),
        ("kaimin", " (did you mean 'kaiming' or 'kaiming_normal' or 'kaiming_uniform'?)"),
        ("xav", " (did you mean 'xavier' or 'xavier_normal' or 'xavier_uniform'?)"),
    ],
)
def test_a_misspelt_name_gets_the_nearest_ones_once(asked: str, told: str) -> None:
    with pytest.raises(GlorotError, match=re.escape(f"unknown name {asked!r}{told}; topics: ")):
        explanation(asked)


@pytest.mark.parametrize("asked", ["qq", "xyzzy", "banana"])
def test_nothing_is_suggested_from_afar(asked: str) -> None:
    with pytest.raises(
        GlorotError, match=f"^unknown name '{asked}'; topics: .*; `glorot explain` lists all names$"
    ) as caught:
        explanation(asked)
    assert "did you mean" not in str(caught.value)


def test_without_a_name_all_names_are_listed_by_group() -> None:
    lines = explanation().splitlines()
    heads = [
        "Topics, for the words of the field:",
        "Recipes decide for a whole model:",
        "Schemes decide for one tensor:",
        "Activations, for their gain:",
    ]
    assert [line for line in lines if line.endswith(":") and not line.startswith(" ")] == heads
    assert max(map(len, lines)) < 80
    text = flowing(explanation())
    for kind, catalogue in CATALOGUES.items():
        for name in catalogue:
            assert f" {name} " in text
            assert flowing(page_of(f"{kind}:{name}").doc.line) in text
            assert kind == "topic" or all(alias in text for alias in catalogue.aliases(name))
    assert lines[-1] == "Next: glorot explain xavier"
    assert glorot.explain() == explanation()


def test_html_is_a_page_of_one_name() -> None:
    with pytest.raises(GlorotError, match="^HTML is a page of one name: add it, as in `glorot explain xavier --format"):
        explanation(html=True)
