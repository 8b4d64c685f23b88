"""The callback for Lightning: what stops a training, what lets it go on, and that it changes no bit of it."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import glorot

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
L = pytest.importorskip("lightning.pytorch")


class Net(L.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        x, y = batch[:2]
        loss = nn.functional.cross_entropy(self(x), y)
        self.log("loss", loss, on_epoch=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), 1e-3)


class Headless(Net):
    """As many modules of Lightning: it has a training step alone."""

    forward = nn.Module.forward

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        x, y = batch[:2]
        return nn.functional.cross_entropy(self.net(x), y)


def nan_in(module: Net) -> Net:
    nn.init.constant_(module.net[0].bias, float("nan"))
    return module


def loader(*more: torch.Tensor) -> DataLoader[Any]:
    numbers = torch.Generator().manual_seed(1)
    x, y = torch.randn(128, 64, generator=numbers), torch.randint(10, (128,), generator=numbers)
    return DataLoader(TensorDataset(x, y, *more), batch_size=32, shuffle=True)


def fit(module: Any, *callbacks: Any, data: Any = None, epochs: int = 1, **options: Any) -> Any:
    trainer = L.Trainer(
        max_epochs=epochs, callbacks=list(callbacks), accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, **options,
    )  # fmt: skip
    trainer.fit(module, data or loader())
    return trainer


def trained(*callbacks: Any) -> tuple[dict[str, torch.Tensor], float, torch.Tensor]:
    torch.manual_seed(0)
    module = Net()
    trainer = fit(module, *callbacks, epochs=2)
    return module.state_dict(), float(trainer.callback_metrics["loss_epoch"]), torch.rand(1)


def test_the_training_stays_bit_for_bit() -> None:
    hook = glorot.hooks.LightningCheck()
    (plain, plain_loss, plain_draw), (checked, loss, draw) = trained(), trained(hook)
    assert hook.report.ok
    assert hook.report.signal is not None
    assert (loss, draw) == (plain_loss, plain_draw)
    assert all(torch.equal(plain[name], checked[name]) for name in plain)


def test_an_error_ends_the_training_before_its_first_step() -> None:
    module = nan_in(Net())
    before = module.net[4].weight.clone()
    with pytest.raises(glorot.hooks.CheckError) as caught:
        fit(module, glorot.hooks.LightningCheck())
    assert str(caught.value).splitlines()[0] == "GL101 error: net.0.bias: holds NaN in all of its 32 elements"
    assert caught.value.report.findings[0].path == "net.0.bias"
    assert torch.equal(module.net[4].weight, before)


def test_options_go_to_the_check(caplog: pytest.LogCaptureFixture) -> None:
    hook = glorot.hooks.LightningCheck(select="GL101", waive={"GL101": "to see the waiver"})
    with caplog.at_level(logging.INFO, "glorot"):
        fit(nan_in(Net()), hook, limit_train_batches=1)
    assert hook.report.asked == ("GL101",)
    assert "waived: GL101 net.0.bias: to see the waiver" in caplog.text


def test_the_optimizer_is_looked_at() -> None:
    hook = glorot.hooks.LightningCheck(select="GL108", strict=True)
    module = Net()
    module.configure_optimizers = lambda: torch.optim.SGD(module.net[4].parameters(), 0.1)  # type: ignore[method-assign]
    with pytest.raises(glorot.hooks.CheckError, match=r"GL108 warning: net\.0\.weight, net\.0\.bias"):
        fit(module, hook)


def test_a_batch_of_another_kind_is_taken_apart_by_a_function() -> None:
    hook = glorot.hooks.LightningCheck(batch=lambda batch: (batch[0], batch[1]))
    fit(Net(), hook, data=loader(torch.arange(128)), limit_train_batches=1)
    assert hook.report.signal is not None


@pytest.mark.parametrize("module", [Headless, Net])
def test_a_batch_that_does_not_fit_forward_is_told_and_the_weights_are_checked(
    module: type[Net], caplog: pytest.LogCaptureFixture
) -> None:
    hook = glorot.hooks.LightningCheck()
    data = loader() if module is Headless else loader(torch.arange(128))
    fit(module(), hook, data=data, limit_train_batches=1)
    assert hook.report.signal is None
    assert hook.report.looked_at == 11
    assert "the model was checked without a batch: the batch does not fit the model" in caplog.text
    with pytest.raises(glorot.hooks.CheckError, match=r"net\.0\.bias: holds NaN"):
        fit(nan_in(module()), hook, data=data)


def test_a_training_that_goes_on_is_not_checked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trainer = fit(Net(), limit_train_batches=2)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    hook = glorot.hooks.LightningCheck()
    again = L.Trainer(
        max_epochs=2, callbacks=[hook], accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, limit_train_batches=2,
    )  # fmt: skip
    with caplog.at_level(logging.INFO, "glorot"):
        again.fit(Net(), loader(), ckpt_path=tmp_path / "last.ckpt")
    assert hook.report is None
    assert "the training goes on from step 2, so that its start was not checked" in caplog.text


ELDER = """
import contextlib, warnings
with contextlib.suppress(ImportError):
    import triton  # before TensorFlow, which Lightning brings along
import pytorch_lightning, glorot
from pytorch_lightning.demos.boring_classes import BoringModel
warnings.simplefilter("ignore")
hook = glorot.hooks.LightningCheck()
assert isinstance(hook, pytorch_lightning.Callback)
pytorch_lightning.Trainer(
    max_steps=1, callbacks=[hook], accelerator="cpu", logger=False, enable_checkpointing=False,
    enable_progress_bar=False, enable_model_summary=False,
).fit(BoringModel())
print(hook.report.ok)
"""


@pytest.mark.slow
def test_the_package_of_the_elder_name_serves_as_well() -> None:
    done = subprocess.run([sys.executable, "-c", ELDER], capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr
