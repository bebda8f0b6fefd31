"""Train the model, test the best of its epochs, and leave predictions and an exported program.

    python train.py --baseline         what simple methods reach: the numbers to beat
    python train.py --overfit-batch    learn one batch by heart: can the model learn at all?
    python train.py --fast-dev-run     one batch of everything: does it run to the end?
    python train.py                    train; everything goes to runs/1, the next time to runs/2
    python train.py --repeat 10        ten seeds and splits: repeats.json, the README's table
    python train.py --resume runs/1 --max-epochs 40
    python train.py --test runs/1

The options are read by argparse, which comes with Python. LightningCLI would need a package more.
"""

import argparse
import csv
import json
import logging
import math
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger

import checks
from data import MyData, whole
from model import MyModel
from samples import CLASSES, SCORE

TITLE = SCORE.replace("_", " ")
REPEATS = Path(__file__).with_name("repeats.json")

MEANT = [
    ".*does not have many workers",  # the samples are in memory: workers would only cost time
    ".*exists and is not empty",  # a run that goes on does so in its folder
    ".*multiple `ModelCheckpoint` callbacks",  # the first of them keeps the best
    ".*`srun` command is available",  # where Slurm is, a trial on the machine itself is meant
    ".*LeafSpec.*deprecated",  # between Lightning and PyTorch; nothing that we could do about it
]
"""Warnings about what is as it should be. All others are worth a look."""


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Do what the options ask for; return what was measured, by name."""
    options = read_options(arguments)
    hush()
    pl.seed_everything(options.seed, workers=True, verbose=False)
    if options.test:
        return test(options.test)
    if options.resume:  # the model and the split as they were, whatever the options say
        model, data = load(options.resume / "last.ckpt")
        return train(model, data, options.resume, options.max_epochs, resume=True)
    if options.repeat:
        runs = [once(options, number) for number in range(options.repeat)]
        kept = {**checks.measured_on(), "runs": runs}
        REPEATS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        return show_repeats(runs)
    data = MyData(options.batch_size, options.split_seed)
    if options.baseline:
        return show_baselines(data)
    model = MyModel(options.learning_rate)
    show_first_loss(checks.first_loss(model, data))
    if options.overfit_batch:
        return show(checks.overfit_one_batch(model, data), "On one batch, learnt by heart")
    if options.fast_dev_run:
        return try_out(model, data)
    return train(model, data, next_folder(options.out), options.max_epochs)


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; stop with a sentence where they do not fit."""
    text, _, examples = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=text, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    do = parser.add_mutually_exclusive_group()
    do.add_argument("--baseline", action="store_true", help="say what simple methods reach")
    do.add_argument("--overfit-batch", action="store_true", help="learn one batch by heart")
    do.add_argument("--fast-dev-run", action="store_true", help="run one batch of everything")
    do.add_argument("--repeat", type=counted, metavar="N", help="train N times; repeats.json")
    do.add_argument("--resume", type=Path, metavar="RUN", help="go on with the run in this folder")
    do.add_argument("--test", type=Path, metavar="RUN", help="test the best of this run again")
    parser.add_argument("--max-epochs", type=counted, default=20, help="when to stop (20)")
    parser.add_argument("--batch-size", type=counted, default=32, help="samples in a batch (32)")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="of AdamW (0.002)")
    parser.add_argument("--seed", type=int, default=0, help="weights and order of samples (0)")
    parser.add_argument("--split-seed", type=int, default=0, help="which rows test (0)")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="where runs go (runs)")
    options = parser.parse_args(arguments)
    for run, file in ((options.resume, "last.ckpt"), (options.test, "best.ckpt")):
        if run and not (run / file).is_file():
            parser.error(f"{run} has no {file}: give the folder of a run, such as runs/1")
    if options.resume and (done := epochs_done(options.resume)) >= options.max_epochs:
        parser.error(f"{options.resume} has had {done} epochs: give a larger --max-epochs")
    return options


def counted(text: str) -> int:
    """Return a number of things, of which there is at least one."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is too few: give 1 or more")
    return number


# --------------------------------------------------------------------------------------------------
# Training


def train(
    model: MyModel, data: MyData, folder: Path, max_epochs: int, resume: bool = False
) -> dict[str, float]:
    """Train; test and export the best epoch; return the scores of the test."""
    trainer = make_trainer(folder, max_epochs)
    # weights_only: a checkpoint that carries more than plain data is refused, and none of it runs.
    last = folder / "last.ckpt" if resume else None
    trainer.fit(model, data, ckpt_path=last, weights_only=True)
    scores = test_best(trainer, model, data)
    predicted = trainer.predict(model, data, ckpt_path="best", weights_only=True)
    write_predictions(folder / "predictions.csv", torch.cat(predicted), data)
    export(folder, data)
    print(f"Everything is in {folder}")
    return show(scores, "The best epoch, on the test rows")


def once(options: argparse.Namespace, number: int) -> dict[str, float]:
    """Train with a seed and a split of its own; return the test scores, of baselines too."""
    pl.seed_everything(number, workers=True, verbose=False)
    model, data = MyModel(options.learning_rate), MyData(options.batch_size, number)
    with TemporaryDirectory() as folder:
        trainer = make_trainer(Path(folder), options.max_epochs, enable_progress_bar=False)
        trainer.fit(model, data)
        reached = {"the network": test_best(trainer, model, data)[f"test_{SCORE}"]}
    print(f"run {number}: test {TITLE} {reached['the network']:.3f}")
    simple = checks.baselines(data)
    return reached | {f"baseline: {name}": scores["test"] for name, scores in simple.items()}


def test_best(trainer: pl.Trainer, model: MyModel, data: MyData) -> dict[str, float]:
    """Return the scores of the best epoch on the test rows."""
    [scores] = trainer.test(model, data, ckpt_path="best", weights_only=True, verbose=False)
    return scores


def make_trainer(folder: Path, max_epochs: int, **others: object) -> pl.Trainer:
    """Return a Trainer that keeps the best epoch and the last, and logs to a CSV file."""
    same = {
        "dirpath": str(folder),
        "enable_version_counter": False,
        "save_on_train_epoch_end": True,
    }
    best = ModelCheckpoint(filename="best", monitor="val_loss", mode="min", **same)
    last = ModelCheckpoint(filename="last", **same)  # without a monitor, it keeps the newest
    return pl.Trainer(
        max_epochs=max_epochs,
        accelerator="auto",  # a GPU where there is one
        devices=1,
        callbacks=[best, last],
        logger=CSVLogger(folder, name="logs"),
        log_every_n_steps=1,
        enable_model_summary=False,
        **others,
    )


def hush() -> None:
    """Leave out the warnings about what is meant, and Lightning's remarks and advertisements."""
    for text in MEANT:
        warnings.filterwarnings("ignore", text)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)


def try_out(model: MyModel, data: MyData) -> dict[str, float]:
    """Run one batch of training, validation and test, and write nothing."""
    trainer = pl.Trainer(fast_dev_run=True, accelerator="auto", devices=1)
    trainer.fit(model, data)
    [scores] = trainer.test(model, data, verbose=False)
    return show(scores, "It runs to the end; the scores of one batch")


def test(folder: Path) -> dict[str, float]:
    """Test the best epoch of a run again, on the test rows of its own split."""
    model, data = load(folder / "best.ckpt")
    trainer = pl.Trainer(accelerator="auto", devices=1, logger=False, enable_checkpointing=False)
    [scores] = trainer.test(model, data, verbose=False)
    return show(scores, f"The best epoch of {folder}, on the test rows")


def load(checkpoint: Path) -> tuple[MyModel, MyData]:
    """Return the model and the data of a checkpoint, as they were."""
    return tuple(
        kind.load_from_checkpoint(checkpoint, map_location="cpu", weights_only=True)
        for kind in (MyModel, MyData)
    )


def epochs_done(folder: Path) -> int:
    """Return how many epochs a run has had."""
    return torch.load(folder / "last.ckpt", map_location="cpu", weights_only=True)["epoch"] + 1


def next_folder(runs: Path) -> Path:
    """Make and return the folder of the next run: runs/1, runs/2 and so on."""
    taken = [int(path.name) for path in runs.glob("*") if path.name.isdecimal()]
    folder = runs / str(max(taken, default=0) + 1)
    folder.mkdir(parents=True)
    return folder


# --------------------------------------------------------------------------------------------------
# What a run leaves


def write_predictions(file: Path, probabilities: torch.Tensor, data: MyData) -> None:
    """Write a line for each test row: its number, its label, what was predicted, how surely."""
    _, labels = whole(data.test_set)
    surest = probabilities.max(dim=1)
    with open(file, "w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(["row", "label", "predicted", "probability"])
        for row, label, predicted, probability in zip(
            data.test_set.indices, labels, surest.indices, surest.values, strict=True
        ):
            writer.writerow([row, CLASSES[label], CLASSES[predicted], f"{probability:.4f}"])


def export(folder: Path, data: MyData) -> None:
    """Write the best model as a program that runs without this code, on any number of samples.

    model.pt2 needs PyTorch alone: `torch.export.load("model.pt2").module()(inputs)` gives logits.
    model.onnx is written where the packages onnx and onnxscript are installed.
    """
    model, _ = load(folder / "best.ckpt")
    network = model.network.eval()  # without dropout
    example = (whole(data.test_set)[0][:2],)
    sizes = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(network, example, dynamic_shapes=sizes)
    torch.export.save(program, folder / "model.pt2")
    if find_spec("onnx") and find_spec("onnxscript"):
        torch.onnx.export(program, dynamo=True, verbose=False).save(folder / "model.onnx")


# --------------------------------------------------------------------------------------------------
# What is said


def show(measured: dict[str, float], title: str) -> dict[str, float]:
    """Print what was measured in a line, and return it."""
    print(f"{title}: " + ", ".join(f"{name} {value:.3f}" for name, value in measured.items()))
    return measured


def show_baselines(data: MyData) -> dict[str, float]:
    """Print what simple methods reach, and return their scores on the test rows."""
    reached = checks.baselines(data)
    for name, scores in reached.items():
        show(scores, f"{TITLE.capitalize()} of {name}")
    return {name: scores["test"] for name, scores in reached.items()}


def show_repeats(runs: list[dict[str, float]]) -> dict[str, float]:
    """Print a table for the README, and return the means."""
    print(f"| test {TITLE}, {len(runs)} runs | mean | lowest | highest |\n|---|---|---|---|")
    for name in runs[0]:
        values = [run[name] for run in runs]
        print(f"| {name} | {mean(values):.3f} | {min(values):.3f} | {max(values):.3f} |")
    return {name: mean(run[name] for run in runs) for name in runs[0]}


def show_first_loss(loss: float) -> None:
    """Print the first loss beside the one of a model that knows nothing."""
    print(f"First loss: {loss:.2f}, and ln {len(CLASSES)} = {math.log(len(CLASSES)):.2f}")
    if not checks.knows_nothing(loss):
        print("These should be near each other: look at the inputs, the last layer and the loss.")


if __name__ == "__main__":
    main()
