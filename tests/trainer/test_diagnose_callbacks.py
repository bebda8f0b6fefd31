"""`diagnose`: callbacks that already ran."""

import pytest
from diagnosing import Logging, LogsToo, found, own_folder, pytestmark, quiet, the  # noqa: F401
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint, Timer
from pytorch_lightning.callbacks import timer as lightning_timer


@pytest.mark.parametrize(
    "make",
    [
        lambda: EarlyStopping("val_loss"),
        lambda: ModelCheckpoint(dirpath="out"),
        lambda: Timer(duration={"hours": 1}),
    ],
    ids=["EarlyStopping", "ModelCheckpoint", "Timer"],
)
@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
def test_a_callback_that_already_ran_is_found(make):
    callback = make()
    first = quiet(callbacks=[callback], enable_checkpointing=True)
    assert found(Logging(), None, first) == []
    first.fit(Logging())
    assert found(Logging(), None, first) == [], "a Trainer may go on with its own callbacks"
    name = type(callback).__name__
    finding = the("callback that already ran", Logging(), None, quiet(callbacks=[callback], enable_checkpointing=True))
    assert finding.what == f"This {name} has been in a run before."
    assert finding.where == "trainer.callbacks[0]"
    assert finding.fix == f"Make a new {name} for each run."


def test_a_list_of_callbacks_given_twice_shares_the_checkpoint_that_the_first_trainer_put_in():
    callbacks = [LogsToo()]
    quiet(callbacks=callbacks, enable_checkpointing=True, default_root_dir="out").fit(Logging())
    assert found(Logging(), None, quiet(callbacks=callbacks, enable_checkpointing=True)) == [
        "callback that already ran"
    ]


class Worse(Logging):
    """Its loss gets no better."""

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", 1.0)


def test_an_early_stopping_that_already_ran_stops_early():
    early = EarlyStopping("val_loss", patience=3)
    first, second = (quiet(callbacks=[early], max_epochs=20) for _ in range(2))
    first.fit(Worse())
    second.fit(Worse())
    assert (first.current_epoch, second.current_epoch) == (4, 1)


class Clock(Callback):
    """Shows the seconds that pass only with batches, one with each."""

    seconds = 0.0

    def on_train_batch_start(self, *_):
        self.seconds += 1

    def monotonic(self):
        return self.seconds


def test_a_timer_that_already_ran_never_stops_or_stops_at_once(monkeypatch):
    monkeypatch.setattr(lightning_timer, "time", clock := Clock())
    limit = {"seconds": 7}
    unspent, spent = Timer(duration=limit), Timer(duration=limit)
    steps = []
    for timer, epochs in ((unspent, 1), (unspent, 20), (spent, 20), (spent, 20)):
        trainer = quiet(callbacks=[clock, timer], max_epochs=epochs)
        trainer.fit(Logging())
        steps.append(trainer.global_step)
    assert steps[:2] == [2, 40], "the time left over from the first run no longer ends the second"
    assert steps[2:] == [7, 0]
