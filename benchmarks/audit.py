"""What `init_weights()` of transformers leaves unwritten, and what `from_pretrained` makes of it.

    python benchmarks/audit.py                      every type of model; an hour on two processors
    python benchmarks/audit.py --only bert mamba2   these alone, measured again

Every type of model that AutoModel knows is built small, on the meta device, and audited. Where whole tensors stay
unwritten, the model is saved with all its tensors, those keys are taken out of the checkpoint one model at a time, and
it is loaded again, with all memory that PyTorch hands out filled with a value no init writes: what then lies in those
tensors is raw memory, or was started. Each model is audited in a separate process. What was found stays in
build/audit.json, so that the script can be stopped; results/audit.md is made of it.
"""

import argparse
import json
import logging
import multiprocessing
import platform
import re
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coverage import told

LIMIT = 240
"""Seconds that one model may take."""

STORE, PAGE = Path("build/audit.json"), Path(__file__).parent / "results" / "audit.md"
MOST = 400_000_000
"""Elements of the largest model that is given memory."""

MARK = -1234.5
"""What fresh memory holds while a checkpoint is loaded."""


def measured(kind: str) -> dict[str, Any]:
    """Return what an audit says of one type of model, in the first size that can be built."""
    import torch
    from coverage_models import built, configurations
    from transformers import AutoModel

    import glorot

    found: dict[str, Any] = {"model": kind}
    for size, config in configurations(kind):
        start = time.perf_counter()
        try:
            elements = sum(one.numel() for one in built(config, "meta").parameters())
        except Exception as error:  # of whatever kind a constructor raises
            found["not built"] = " ".join(told(error).split())[:160]
            continue
        if elements > MOST:
            least = min(elements, found.get("weights", elements))
            found |= {"weights": least, "not built": f"has {least:,} weights in the smallest size that can be built"}
            continue
        try:
            report = glorot.audit(lambda config=config: AutoModel.from_config(config))
        except glorot.GlorotError as error:
            found["not audited"] = str(error)[:200]
            continue
        found = {"model": kind, "size": size, "built": report.built, "call": report.call}
        found["seconds"] = round(time.perf_counter() - start, 2)
        found["tensors"] = len(report.tensors)
        found["lost"] = [list(one) for one in report.lost]
        for state in ("never", "partly", "raw", "empty", "again"):
            found[state] = [one.path for one in report.tensors if one.state == state]
        found["kinds"] = {one.path: one.kind for one in report.tensors if one.state in ("never", "partly", "raw")}
        if found["kinds"]:
            torch.manual_seed(0)
            try:
                found["loaded"] = loaded(config, list(found["kinds"]))
            except Exception as error:  # of whatever kind
                found["not loaded"] = " ".join(told(error).split())[:160]
        return found
    return found


def loaded(config: Any, paths: list[str]) -> dict[str, str]:
    """Save a model without some of its keys, load it, and say what lies in those tensors."""
    from safetensors.torch import load_file, save_file
    from transformers import AutoModel

    saved = AutoModel.from_config(config)
    stored = dict(saved.named_parameters(remove_duplicate=False)) | dict(saved.named_buffers(remove_duplicate=False))
    for tensor in stored.values():  # or what is raw in it might be NaN, which no file should have
        if tensor.is_floating_point():
            tensor.data.nan_to_num_()
    with tempfile.TemporaryDirectory() as folder:
        saved.save_pretrained(folder)
        taken = set[str]()
        for file in Path(folder).glob("*.safetensors"):
            tensors = load_file(file)
            gone = {key: path for key, value in tensors.items() for path in paths if _is(key, value, path, stored)}
            taken |= {*gone.values()}
            save_file({key: value for key, value in tensors.items() if key not in gone}, file, {"format": "pt"})
        with marked_memory():
            model, info = AutoModel.from_pretrained(folder, output_loading_info=True)
    missing = set(info["missing_keys"])
    held = dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers(remove_duplicate=False))
    return {path: _fate(held.get(path), path, path in missing, taken) for path in paths}


def _is(key: str, value: Any, path: str, stored: dict[str, Any]) -> bool:
    """Tell whether a key of a checkpoint is for a tensor of a model; some are saved under another name."""
    alike = key.rpartition(".")[2] == path.rpartition(".")[2] and value.shape == stored[path].shape
    return key == path or (alike and key not in stored and value.equal(stored[path]))


@contextmanager
def marked_memory() -> Iterator[None]:
    """Fill all memory that PyTorch hands out with one value, which raw memory is told by."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Marking(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = func(*args, **(kwargs or {}))
            if re.match(r"aten::(new_)?empty", func._schema.name) and not made.is_meta:
                made.fill_(MARK) if made.is_floating_point() else made.fill_(77)
            return made

    with Marking():
        yield


def _fate(tensor: Any, path: str, is_missing: bool, taken: set[str]) -> str:
    if tensor is None:
        return "no longer there"
    if tensor.is_meta:
        return "on meta"
    mark = MARK if tensor.is_floating_point() else 77
    share = float((tensor == mark).double().mean()) if tensor.numel() else 0.0
    fate = "raw memory" if share == 1 else "raw in part" if share else "started"
    report = ", reported missing" if is_missing else ""
    return f"{fate}{report}{'' if path in taken else ', in no checkpoint'}"


def page(rows: list[dict[str, Any]], versions: str) -> str:
    """Return the ledger."""
    audited = [row for row in rows if "tensors" in row]
    faulty = [row for row in audited if row["never"] or row["partly"] or row["raw"] or row["lost"]]
    whole = [row for row in audited if row["never"]]
    fates = [fate for row in faulty for fate in row.get("loaded", {}).values()]
    raw = [row for row in faulty if any(fate.startswith("raw") for fate in row.get("loaded", {}).values())]
    lines = [
        "# What `init_weights()` of transformers leaves unwritten",
        "",
        f"`make audit`. {versions}.",
        "",
        f"Of {len(rows)} types of model that AutoModel knows, {len(audited)} can be built small, and were audited: "
        f"built on meta, given memory, started by `init_weights()`. {len(whole)} leave whole tensors unwritten "
        f"({sum(len(row['never']) for row in whole)} tensors), {sum(bool(row['partly']) for row in audited)} leave a "
        f"part of one, {sum(bool(row['raw']) for row in audited)} compute one from raw memory, "
        f"{sum(bool(row['lost']) for row in audited)} write into a temporary.",
        "",
        "Last column: the model was saved, those keys were taken out of its checkpoint, and it was loaded by "
        f"`from_pretrained`, with all fresh memory marked. Of {len(fates)} tensors "
        f"{sum(fate.startswith('raw') for fate in fates)} (in {len(raw)} of {len(faulty)} models) then held raw "
        f"memory, {sum(fate.startswith('raw') and 'missing' in fate for fate in fates)} of them reported as missing; "
        f"{sum(fate.startswith('started') for fate in fates)} were started all the same.",
        "",
        "| model | size | tensors | what is wrong | after from_pretrained without it |",
        "|---|---|---|---|---|",
    ]
    for row in faulty:
        wrong = [f"{state}: {_listed(row[state])}" for state in ("never", "partly", "raw") if row[state]]
        if row["lost"]:
            writers = dict.fromkeys(writer for _, writer, _ in row["lost"])
            wrong.append(f"{len(row['lost'])} writes into a temporary: {'; '.join([*writers][:2])}")
        after = row.get("not loaded") or _fates(row.get("loaded", {}))
        lines.append(f"| {row['model']} | {row['size']} | {row['tensors']} | {'; '.join(wrong)} | {after} |")
    clean = [f"{row['model']} ({row['tensors']})" for row in audited if row not in faulty]
    lines += ["", "## Nothing unwritten", "", ", ".join(clean)]
    lines += ["", "## Not audited", ""]
    lines += [f"- {row['model']}: {row.get('not audited') or row['not built']}" for row in rows if row not in audited]
    return "\n".join(lines) + "\n"


def _listed(paths: list[str]) -> str:
    """Return paths, those that differ by a number alone as one."""
    shown = dict.fromkeys(re.sub(r"\d+", "N", path) for path in paths)
    return f"{', '.join(f'`{path}`' for path in [*shown][:8])}{' …' if len(shown) > 8 else ''} ({len(paths)})"


def _fates(fates: dict[str, str]) -> str:
    counts: dict[str, int] = {}
    for fate in fates.values():
        counts[fate] = counts.get(fate, 0) + 1
    return "; ".join(f"{count} {fate}" for fate, count in counts.items())


def versions() -> str:
    import torch
    import transformers

    import glorot

    own = f"glorot {glorot.__version__}, torch {torch.__version__}, transformers {transformers.__version__}"
    return f"{own}, Python {platform.python_version()}"


def kinds() -> list[str]:
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    return sorted(MODEL_MAPPING_NAMES)


def in_own_process(kind: str) -> dict[str, Any]:
    """Return what is found of a model in a process forked for it, or why that found nothing."""
    context = multiprocessing.get_context("fork")  # so that the libraries are imported once
    mine, its = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(its, kind))
    process.start()
    its.close()
    found: dict[str, Any] = {"model": kind, "not built": f"took more than {LIMIT} s"}
    if mine.poll(LIMIT):
        try:
            found = mine.recv()
        except EOFError:
            process.join()
            found = {"model": kind, "not built": f"its process ended with {process.exitcode}"}
    process.kill()
    process.join()
    return found


def _send(pipe: Any, kind: str) -> None:
    warnings.simplefilter("ignore")
    pipe.send(measured(kind))
    pipe.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", help="these models alone, measured again")
    parser.add_argument("--one", nargs="+", help="measure these in this process, and print a line of JSON for each")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so many")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    if given.one:
        for kind in given.one:
            print(json.dumps(measured(kind)), flush=True)
        return
    STORE.parent.mkdir(exist_ok=True)
    known: dict[str, Any] = json.loads(STORE.read_text()) if STORE.exists() else {}
    until = time.monotonic() + 60 * given.minutes
    every = kinds()
    import coverage_models  # noqa: F401 - before the processes are forked
    import torch
    from transformers.utils.logging import disable_progress_bar

    torch.set_num_threads(1)
    disable_progress_bar()
    for kind in given.only or every:
        if (kind in known and not given.only) or time.monotonic() > until:
            continue
        known[kind] = in_own_process(kind)
        print(json.dumps(known[kind])[:300], flush=True)
        STORE.write_text(json.dumps(known, indent=0, sort_keys=True))
    PAGE.write_text(page([known[kind] for kind in every if kind in known], versions()))


if __name__ == "__main__":
    main()
