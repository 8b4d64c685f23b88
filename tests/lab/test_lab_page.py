"""The lab in Chromium: what moves, what is kept in the address, what is read aloud, and that nothing is fetched."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from glorot.report.lab import save_lab

pytestmark = pytest.mark.browser

TRAINED = 90_000
"""Milliseconds that a training may take on a machine that does much else."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "no Chromium is installed; .ci/run installs it"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_lab(tmp_path_factory.mktemp("lab")).as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Return the page at 1280 px; at the end, it has fetched nothing and complained of nothing."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints: list[str] = []
    fetched: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(address)
    yield page
    page.close()
    assert complaints == []
    assert [url for url in fetched if not url.startswith((address, "blob:"))] == []


def choose(page: Page, chapter: str, value: str) -> None:
    """Press one of the options of a chapter."""
    page.locator(f"#{chapter} label:has(input[value={value}])").click()


def picture(page: Page, chapter: str) -> str:
    """Return what the picture of a chapter says of itself, once it has been painted."""
    canvas = page.locator(f"#{chapter} canvas").nth(1 if chapter == "first" else 0)  # there the digits come first
    canvas.scroll_into_view_if_needed()
    expect(canvas).to_have_attribute("aria-label", re.compile(r"\d"))
    return canvas.get_attribute("aria-label") or ""


def stds(page: Page, chapter: str) -> list[float]:
    """Return the standard deviations of the layers that a picture shows."""
    listed = picture(page, chapter).partition("layer: ")[2].partition(". ")[0].rstrip(".")
    signs = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
    return [float(each.translate(signs).replace("×10", "e")) for each in listed.split(", ")]


def test_the_first_slider_moves_all_ten_columns(page: Page) -> None:
    small = stds(page, "first")
    assert len(small) == 10
    assert small[0] / small[9] > 1e6
    page.locator("input[name=sigma]").fill("150")
    expect(page.locator("#first .live").first).to_contain_text("The signal lives")
    lively = stds(page, "first")
    assert all(0.3 < each < 3 for each in lively)
    page.locator("input[name=sigma]").fill("240")
    expect(page.locator("#first .live").first).to_contain_text("Stuck")


def test_sliders_move_by_the_keyboard(page: Page) -> None:
    slider = page.locator("input[name=sigma]")
    slider.focus()
    place = int(slider.input_value())
    before = slider.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowRight")
    expect(slider).not_to_have_attribute("aria-valuetext", before or "")
    assert int(slider.input_value()) == place + 1
    page.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuetext", "σ = 2")


def test_the_commitment_trains_three_starts(page: Page) -> None:
    page.locator("input[name=sigma]").fill("230")
    page.get_by_role("button", name="This is my σ: train").click()
    words = page.locator("#first .race .live")
    expect(words).to_contain_text("recognised:", timeout=TRAINED)
    told = re.search(r"yours: (\d+)\s%, Xavier: (\d+)\s%, σ\s=\s0\.01: (\d+)\s%", words.inner_text())
    assert told is not None, words.inner_text()
    hers, xavier, wrong = (int(share) for share in told.groups())
    assert xavier > 90
    assert hers < 40
    assert wrong < 40


def test_moving_the_slider_takes_the_old_curves_away(page: Page) -> None:
    page.get_by_role("button", name="This is my σ: train").click()
    expect(page.locator("#first .race .picture")).to_be_visible()
    page.locator("input[name=sigma]").fill("10")
    expect(page.locator("#first .race .picture")).to_be_hidden()
    expect(page.locator("#first .race .live")).to_be_empty()
    assert page.locator("#first canvas:visible").count() == 2  # the digits and the columns


def test_fifty_darts_are_counted(page: Page) -> None:
    page.get_by_role("button", name="Throw fifty darts").click()
    words = page.locator("#darts .live")
    expect(words).to_contain_text("learned", timeout=TRAINED)
    count = int(words.inner_text().split()[0])
    assert 3 < count < 50 / 3


@pytest.mark.parametrize(
    ("start", "said"), [("zero", "one and the same"), ("equal", "one and the same"), ("random", "4 of the 4")]
)
def test_units_that_start_alike_stay_alike(page: Page, start: str, said: str) -> None:
    choose(page, "zero", start)
    page.get_by_role("button", name="Train twenty steps").click()
    expect(page.locator("#zero .live")).to_contain_text("After 20 steps", timeout=20_000)
    assert said in page.locator("#zero .live").inner_text()


def test_the_bar_of_one_neuron_reaches_1(page: Page) -> None:
    page.goto(page.url + "#inputs=16&spread=0.25")
    page.reload()
    picture(page, "neuron")
    words = page.locator("#neuron .live")
    expect(words).to_contain_text("16 × 0.25² = 1; the sums have a variance of")
    measured = words.inner_text().partition("variance of ")[2].rstrip(".")
    assert float(measured) == pytest.approx(1, rel=0.15)  # 1,500 sums: four standard errors


def test_factors_of_layers_multiply(page: Page) -> None:
    picture(page, "depth")
    words = page.locator("#depth .live")
    expect(words).to_contain_text("1.5 to the power of 9 is 38.4")
    measured = [float(each) for each in re.findall(r"multiplied by (\d+), .* by (\d+)\.", words.inner_text())[0]]
    assert measured == pytest.approx([38.4, 38.4], rel=0.15)
    page.locator("input[name=layers]").fill("48")
    expect(words).to_contain_text("From layer 1 to 50 there are 49 steps")


def test_the_rule_of_300_to_100(page: Page) -> None:
    row = page.locator("#rule tbody tr").nth(2)
    assert [each.strip() for each in row.locator("td").all_inner_texts()] == ["1.5", "0.5"]
    step = page.locator("#rule .proof button").nth(3)
    step.click()
    expect(step).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#rule .wires")).to_have_attribute("data-lit", "back")


def test_both_forms_spread_alike(page: Page) -> None:
    said: list[list[float]] = []
    words, before = page.locator("#forms .live"), ""
    for form in ("xavier_uniform", "xavier_normal"):
        choose(page, "forms", form)
        page.locator("#forms canvas").scroll_into_view_if_needed()
        expect(words).not_to_have_text(before)
        before = words.inner_text()
        said.append([float(each) for each in re.findall(r"0\.\d+", before)])
    (weights, values), (other_weights, other_values) = said
    assert weights == pytest.approx(other_weights, rel=0.03)
    assert values == pytest.approx(other_values, rel=0.2)


def test_he_saves_twenty_relu_layers(page: Page) -> None:
    picture(page, "unsuited")
    expect(page.locator("#unsuited .live").first).to_contain_text("The signal dies")
    choose(page, "unsuited", "he_normal")
    expect(page.locator("#unsuited .live").first).to_contain_text("The signal lives")
    assert all(0.5 < each < 5 for each in stds(page, "unsuited"))


def test_skips_carry_the_gradient(page: Page) -> None:
    def gradients() -> list[float]:
        listed = picture(page, "today").partition("gradients by layer: ")[2].rstrip(".")
        signs = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
        return [float(each.translate(signs).replace("×10", "e")) for each in listed.split(", ")]

    plain = gradients()
    assert plain[0] < 1e-6 * plain[-1]
    before = picture(page, "today")
    choose(page, "today", "skips")
    expect(page.locator("#today canvas").first).not_to_have_attribute("aria-label", before)
    carried = gradients()
    assert carried[0] > carried[-1] / 3


def test_a_prediction_brings_its_answer_once(page: Page) -> None:
    asked = page.locator("#depth .prediction")
    asked.get_by_role("button", name="5 times as much", exact=True).click()
    expect(asked.locator(".answer")).to_contain_text("Not quite. 117 times")
    assert [each.is_disabled() for each in asked.get_by_role("button").all()] == [True, True, True]


def test_every_card_measures(page: Page) -> None:
    assert page.locator(".card").count() == 8
    for card in page.locator(".card").all():
        card.get_by_role("button").click()
        expect(card.locator("[role=status]")).to_contain_text(re.compile(r"\d"))


def test_code_is_copied_or_marked(page: Page) -> None:
    choose(page, "code", "jax")
    expect(page.locator("#code pre")).to_contain_text("nnx.Linear")
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#code .figure [role=status]")).to_have_text(re.compile("Copied|marked"))
    copied = page.locator("#code .figure [role=status]").inner_text() == "Copied."
    marked = page.evaluate("() => getSelection().toString()")
    assert copied or marked.strip() == page.locator("#code pre").inner_text().strip()


def test_the_address_keeps_the_bench(page: Page, address: str) -> None:
    page.locator("#bench select[name=activation]").select_option("relu")
    page.locator("#bench select[name=rule]").select_option("he_normal")
    page.locator("input[name=depth]").fill("19")
    page.wait_for_url(re.compile("depth=20"))
    kept = page.url
    assert kept.partition("#")[2] == "activation=relu&rule=he_normal&depth=20"
    page.goto("about:blank")
    page.goto(kept)
    expect(page.locator("#bench select[name=rule]")).to_have_value("he_normal")
    expect(page.locator("#bench")).to_be_in_viewport()
    assert len(stds(page, "bench")) == 20


def test_nonsense_in_the_address_is_told(page: Page, address: str) -> None:
    page.goto("about:blank")
    page.goto(f"{address}#depth=999&shape=round&width=64")
    expect(page.locator(".note")).to_contain_text("depth=999, shape=round")
    shown = [page.locator(f"#bench .control:has(input[name={name}]) output") for name in ("width", "depth")]
    assert [each.inner_text() for each in shown] == ["64", "10"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, address: str, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    page.locator("#depth .prediction button").first.click()
    found = Axe().run(page)
    context.close()
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
def test_nothing_runs_out_of_the_screen(browser: Browser, address: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(address)
    wide = page.evaluate(
        """() => [document.documentElement.scrollWidth, [...document.querySelectorAll("body *")]
        .filter(each => !each.closest("svg, pre, .scroll, .unseen") && each.getBoundingClientRect().right > innerWidth + 1)
        .map(each => each.tagName + "." + each.className).slice(0, 5)]"""
    )
    page.close()
    assert wide == [width, []]


def test_without_scripts_there_is_a_sentence_and_a_picture(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    expect(page.locator("main.still")).to_contain_text("This page needs JavaScript")
    expect(page.locator("svg.still")).to_be_visible()
    assert page.locator("svg.still path").count() == 30  # three starts of ten layers
    context.close()


def test_a_browser_without_a_needed_feature_shows_the_same(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.add_init_script("delete window.IntersectionObserver")
    page.goto(address)
    assert page.locator("main.still").is_visible()
    assert page.locator("input").count() == 0
    page.close()


def test_who_wants_no_motion_sees_the_end_at_once(browser: Browser, address: str) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(address)
    page.get_by_role("button", name="Train twenty steps").click()
    assert "After 20 steps" in page.locator("#zero .live").inner_text()
    context.close()


def test_the_page_is_small(address: str) -> None:
    assert Path(address.removeprefix("file://")).stat().st_size < 1_500_000
