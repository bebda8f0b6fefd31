"""The questions of the self-tests, three for each notebook: about what surprised there, and not about words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """One answer to choose; `why` is said to whoever has chosen it."""

    right: bool
    text: str
    why: str


@dataclass(frozen=True)
class Question:
    """A question and its options; `section` is the heading in the notebook under which the answer is shown."""

    text: str
    section: str
    options: tuple[Option, ...]


def _yes(text: str, why: str) -> Option:
    return Option(True, text, why)


def _no(text: str, why: str) -> Option:
    return Option(False, text, why)


def _ask(text: str, section: str, *options: Option) -> Question:
    return Question(text, section, options)


_00 = (
    _ask(
        "The validation loss is an almost level line from the first epoch to the last. What is the first guess?",
        "Judge a learning rate",
        _no(
            "The model is too small for the data.",
            "The page has drawn such a curve for a model that learns well with larger steps.",
        ),
        _no(
            "Training is complete: there is nothing more to learn.",
            "A curve that has arrived somewhere has fallen before it became level. This one never fell.",
        ),
        _yes(
            "It has hardly been trained: the steps are too small, or too few.",
            "The page trains one model with two learning rates. Compare how far its validation loss falls with each.",
        ),
    ),
    _ask(
        "Of 100 test samples, 80 are of class 0. A model reaches an accuracy of 0.80. What does that say?",
        "Judge a learning rate",
        _no(
            "It is a good model: it gets four samples out of five right.",
            "So does a model that has learned nothing and always answers 0. Compare with that first.",
        ),
        _yes(
            "Nothing yet: whoever always answers 0 gets as far.",
            "Accuracy means little without the share of the larger class beside it.",
        ),
        _no(
            "It finds 80 % of the samples of class 1.",
            "Accuracy counts both classes together. It could be 0.80 without one sample of class 1 found.",
        ),
    ),
    _ask(
        "You try ten learning rates and keep the one with the best test accuracy. How well will it do on new samples?",
        "Judge a learning rate",
        _yes(
            "Probably worse than that number says.",
            "The best of ten numbers is also the luckiest. For choosing there is the validation part; the test part is "
            "kept for the very end.",
        ),
        _no(
            "As well as that number says: the model was not trained on the test part.",
            "The weights were not, but your choice was. What you choose by can no longer be trusted as a test.",
        ),
        _no(
            "Better: it will have learned more by then.",
            "Nothing is learned after training. The number was chosen because it was high.",
        ),
    ),
)

_01 = (
    _ask(
        "`setup` cuts the parts with `random_split`. You call `seed_everything(1)`, then `fit`, then `test`. What does "
        "the test measure?",
        "Split once for all stages",
        _no(
            "New samples: with the seed, both splits are the same.",
            "The seed says where the random numbers start. When `test` calls `setup` again, training has used many.",
        ),
        _yes(
            "Mostly samples that the model was trained on.",
            "`setup` runs at the start of every stage. `test` draws a new split, and most of it was in train before.",
        ),
        _no(
            "Nothing: Lightning raises an error when the parts overlap.",
            "Nobody compares the parts. There is no error and no warning, only a number that is too good.",
        ),
    ),
    _ask(
        "100 samples, 1000 features of pure noise. You keep the 20 features that fit the labels best, then "
        "cross-validate a model on these. What AUROC comes out?",
        "See a leak invent a result",
        _no(
            "About 0.5: each fold is tested on samples that its model has not seen.",
            "The model has not seen them, but the choice of features has.",
        ),
        _no(
            "Below 0.5: a model that learns noise does worse than guessing.",
            "On noise that it has not seen it guesses. Here the noise has been seen, when the features were chosen.",
        ),
        _yes(
            "Far above 0.5, though there is nothing to learn.",
            "Among so many features, some go along with the labels by chance, also in the test parts. Choose them anew "
            "on each training part, and the AUROC is about 0.5.",
        ),
    ),
    _ask(
        "`prepare_data` stores the samples on `self`, and `setup` uses them. When does that fail?",
        "Tell prepare_data from setup",
        _yes(
            "When the run has several processes.",
            "`prepare_data` runs in one process per machine. The objects of the others do not have what it stored.",
        ),
        _no(
            "At once, in every run.",
            "In a run of one process it works. That is why the mistake is found so late.",
        ),
        _no(
            "Never: both are called in every process.",
            "Only `setup` is. The diary of two processes has two lines of `setup`, and one of `prepare_data`.",
        ),
    ),
)

_02 = (
    _ask(
        "A loop in plain PyTorch and the Trainer train the same model on one CPU: same seed, same "
        "optimizer, and the loaders of this course. How far apart are the weights in the end?",
        "Hand it to the Trainer",
        _no(
            "A little: Lightning computes in another order, and rounds differently.",
            "It calls your own step, and the optimizer's, in the order of your loop.",
        ),
        _yes(
            "Not at all: they are equal, bit for bit.",
            "The Trainer adds nothing to the mathematics. What it adds is around the steps.",
        ),
        _no(
            "Far: the Trainer also validates, which changes the model.",
            "Validation moves no weight, and the loaders here draw no random numbers of the training for it.",
        ),
    ),
    _ask(
        "In `validation_step` you log the F1 of the batch, a number. There are five batches. What is in the log?",
        "Use a metric that is right",
        _no(
            "The F1 of the whole part.",
            "That takes the counts of all batches: log the metric itself.",
        ),
        _no(
            "The F1 of the last batch.",
            "In a validation step the default is the mean over the epoch.",
        ),
        _yes(
            "The mean of the five.",
            "Lightning takes the mean of numbers, weighted by the sizes of the batches. F1 of the whole is not that.",
        ),
    ),
    _ask(
        "For one person, the confidence of a view is 0.9. What has the model said?",
        "Ask how much the model trusts each view",
        _yes(
            "By its estimate, this view alone gives the true class a probability of 0.9.",
            "It has learned to estimate the true class probability of each view. An estimate can be wrong.",
        ),
        _no(
            "The view was measured well, with a probability of 0.9.",
            "Nobody told the model which views are spoiled. Where that is known, the page counts how many of the "
            "lowest confidences are theirs.",
        ),
        _no(
            "Its prediction for this person is right in 9 of 10 cases.",
            "The prediction comes from all views together; this number speaks of one of them.",
        ),
    ),
)

_03 = (
    _ask(
        '`EarlyStopping("ptl/val_accuracy")`, and the accuracy rises from epoch to epoch. What happens?',
        "Stop when nothing improves",
        _no(
            "It waits until the accuracy rises no more.",
            'For that it needs `mode="max"`. The default is `"min"`, whatever the monitor is called.',
        ),
        _no(
            "It raises an error: an accuracy needs another mode.",
            "Lightning cannot know what a number means. There is not even a warning.",
        ),
        _yes(
            "It stops the run when its patience is used up, while the model is learning.",
            "The default mode takes the lowest value for the best, so a rising accuracy never improves.",
        ),
    ),
    _ask(
        "Of 40 epochs, epoch 12 was the best. The Trainer was given no `ModelCheckpoint`. What is on the disk?",
        "Keep the best weights",
        _yes(
            "A checkpoint of the last epoch.",
            "The Trainer adds a `ModelCheckpoint` without a monitor. Nothing to compare by: the best is the latest.",
        ),
        _no(
            "A checkpoint of epoch 12.",
            "To know that it was the best, somebody has to name the value that decides, with `monitor`.",
        ),
        _no(
            "No checkpoint.",
            "Saving is on unless `enable_checkpointing=False` is said.",
        ),
    ),
    _ask(
        "A script makes one `EarlyStopping` at the top, and in a loop a new Trainer and a new model for each setting. "
        "Which runs can you compare?",
        "Give every run its own callbacks",
        _no(
            "All: each has a new Trainer, and that starts from the beginning.",
            "The Trainer is new, the object in its list is not. It remembers the best loss of the runs before.",
        ),
        _yes(
            "None: the first is what it seems, the later ones may be stopped too soon.",
            "A fresh model, measured against an old best loss, seems to make no progress. Make callbacks anew, too.",
        ),
        _no(
            "All but the last: the weights are handed on from run to run.",
            "Weights belong to the model, which is new each time. What is handed on is the memory of the callback.",
        ),
    ),
)

_04 = (
    _ask(
        "`Trainer(limit_train_batches=1, val_check_interval=1.0)`: what is done in each epoch?",
        "Say how much data",
        _no(
            "All batches are used, then it validates.",
            "That would be `limit_train_batches=1.0`. A whole number is a number of batches.",
        ),
        _yes(
            "One batch is used, then it validates.",
            "`1` is one batch, `1.0` is all of them: here the end of the epoch, which comes after one batch.",
        ),
        _no(
            "All batches are used, and it validates after each of them.",
            "That would be the other way round: `limit_train_batches=1.0, val_check_interval=1`.",
        ),
    ),
    _ask(
        "An epoch has 10 batches, the run has 4 epochs. How many training losses are in the log, with the defaults?",
        "Say what is logged and when",
        _yes(
            "0",
            "The default is every 50th optimizer step, counted through all epochs. This run has 40 steps.",
        ),
        _no(
            "4",
            "So it is with the validation loss. `log_every_n_steps` counts steps, not epochs.",
        ),
        _no(
            "40",
            "That would take `log_every_n_steps=1`: a loss for every step.",
        ),
    ),
    _ask(
        'You train with `Trainer(logger=TensorBoardLogger("logs"), default_root_dir="results")`. Where is the '
        "checkpoint?",
        "Say where checkpoints go",
        _no(
            "Under `results`: that is what `default_root_dir` is for.",
            "It is the folder for what has no other place. The logger has a folder of its own, and that one wins.",
        ),
        _yes(
            "Under `logs`, in the folder of this run.",
            "Where there is a logger with a folder, checkpoints go there. To be sure, give a "
            "`ModelCheckpoint(dirpath=...)`.",
        ),
        _no(
            "Nowhere: no `ModelCheckpoint` was given.",
            "The Trainer adds one by itself, unless `enable_checkpointing=False` is said.",
        ),
    ),
)

_05 = (
    _ask(
        '`__init__(self, loss, width, dropout=0.1)` calls `save_hyperparameters("width")`. A model is built with '
        "`dropout=0.5`, saved, and loaded with `load_from_checkpoint(path, loss=loss)`. Which dropout has it now?",
        "Save hyperparameters",
        _no(
            "0.5: it comes back with the weights.",
            "A dropout rate is no weight. It comes back only if it was saved as a hyperparameter.",
        ),
        _yes(
            "0.1, without a word.",
            "It was neither saved nor given, so `__init__` took its default. Leave out with `ignore`, by name.",
        ),
        _no(
            "None: loading stops, because an argument is missing.",
            "That happens to required arguments, as to `loss`, if you do not give it. `dropout` has a default.",
        ),
    ),
    _ask(
        "You resume a run with `ckpt_path`, and make the model with a learning rate ten times larger. Which rate is "
        "used?",
        "Resume a run",
        _yes(
            "The old one.",
            "The optimizer's state is restored from the file, its learning rate included.",
        ),
        _no(
            "The new one.",
            "`configure_optimizers` does set it. Then the state from the file overwrites it.",
        ),
        _no(
            "Neither: the Trainer sees the contradiction and stops.",
            "It does not compare them. Nothing is said.",
        ),
    ),
    _ask(
        "`torch.load` refuses a file from a stranger. The message speaks of `weights_only=False`. What would that do?",
        "Decide what to trust",
        _no(
            "Load the optimizer and the hyperparameters, and not the weights alone.",
            "These load in the default mode, too, as long as they are plain values. The name says too little.",
        ),
        _no(
            "Skip what was refused, and load the rest.",
            "Nothing is skipped: what was refused is then carried out.",
        ),
        _yes(
            "Run whatever the file tells it to run.",
            "A pickle may call any function. Use it for files that you wrote yourself, or not at all.",
        ),
    ),
)

_06 = (
    _ask(
        "Two runs with the same seed. In the second, one random number is drawn and thrown away before the model is "
        "made. How far apart are the weights?",
        "Vary the seed",
        _no(
            "They are the same: so is the seed.",
            "The seed says where the numbers start. After one draw, everyone gets the number of the next.",
        ),
        _no(
            "They differ in the last digits: one number of thousands is gone.",
            "The number is not missing, all others have moved up: it is another run, as with another seed.",
        ),
        _yes(
            "As far as with another seed.",
            "Every later number moves up by one place, and the very first weights are others.",
        ),
    ),
    _ask(
        "Validation computes no gradient. Yet, with plain loaders, the trained weights change when it is turned off. "
        "How?",
        "Vary the data",
        _yes(
            "Its loader draws from the generator that dropout uses, too.",
            "A plain loader draws a number when it starts. A generator of its own for each loader cures this.",
        ),
        _no(
            "It moves the weights a little.",
            "It moves none. With the loaders of the course, the weights are the same with it and without it.",
        ),
        _no(
            "Without it, the model is not put back into training mode.",
            "In a training step the model is in training mode either way.",
        ),
    ),
    _ask(
        "A run is repeated on one thread of a CPU with the same seed, without `deterministic=True`. What can you "
        "expect of the model of this notebook?",
        "Vary what happens beside the training",
        _no(
            "Weights that agree up to rounding.",
            "Rounding differs where the order of adding does. On one thread it was fixed before you asked.",
        ),
        _yes(
            "The same weights, bit for bit.",
            "Asking for deterministic operations changed no bit here. It matters where an operation has no fixed "
            "order, mostly on a GPU.",
        ),
        _no(
            "Other weights: the argument is what makes a run repeatable.",
            "What makes it repeatable is that everyone gets the same random numbers.",
        ),
    ),
)

_A1 = (
    _ask(
        "`Trainer(max_epochs=3)` has trained a model. You call `fit` again, with the same Trainer. What is trained?",
        "max_epochs",
        _no(
            "Three more epochs.",
            "The limit is a number of epochs in all, not for each call.",
        ),
        _yes(
            "Nothing.",
            "The Trainer keeps count: three epochs are done. Take a new Trainer for a new run.",
        ),
        _no(
            "Nothing: a second `fit` is refused.",
            "It is not refused. It returns at once, and looks like a run.",
        ),
    ),
    _ask(
        "With `gradient_clip_val=0.5`, the norm that you log in `on_before_optimizer_step` is 3.0. What is wrong?",
        "gradient_clip_val",
        _no(
            "Without `gradient_clip_algorithm`, nothing is clipped.",
            'The default is `"norm"`. It is the other way round: the algorithm alone does nothing.',
        ),
        _no(
            "The value limits each number of the gradient, not its length.",
            'That would be `gradient_clip_algorithm="value"`.',
        ),
        _yes(
            "Nothing: this hook comes before the clipping.",
            "It sees the gradient as it was. After clipping, the norm is at most 0.5.",
        ),
    ),
    _ask(
        '`limit_val_batches=0` beside `ModelCheckpoint(monitor="val_loss")`. What does the run leave on the disk?',
        "limit_val_batches",
        _yes(
            "No checkpoint, and a warning.",
            "Nothing is validated, so there is no `val_loss` to compare by.",
        ),
        _no(
            "Nothing: it stops with an error.",
            "`EarlyStopping` stops a run whose monitor is missing; `ModelCheckpoint` only warns.",
        ),
        _no(
            "The latest checkpoint.",
            "That is what a `ModelCheckpoint` without a monitor keeps.",
        ),
    ),
)

_A2 = (
    _ask(
        "A model of 1.x has a `test_epoch_end`. It is trained for a day, then tested. When do you hear of it?",
        "Replace hooks that raise",
        _no(
            "At the start of `fit`.",
            "Each of the three hooks is looked for only where it would be used.",
        ),
        _yes(
            "At the start of `test`, after a day.",
            "`fit` does not look at it. `diagnose` finds it before the first run.",
        ),
        _no(
            "Never: it is skipped in silence.",
            "This one raises an error. Other hooks, such as `on_epoch_end`, are skipped in silence.",
        ),
    ),
    _ask(
        "A model has a method `on_epoch_end`, as in 1.x. What happens today?",
        "Find what fails in silence",
        _no(
            "It is called, with a warning that it is old.",
            "It warned in the last versions that had it, and 1.8 removed it.",
        ),
        _no(
            "The Trainer refuses the model, as it does with `training_epoch_end`.",
            "It looks for a few names only, and this is not one of them.",
        ),
        _yes(
            "Nothing: nobody calls it, and nobody says so.",
            "A method that nobody calls is legal Python. `diagnose` compares the names.",
        ),
    ),
    _ask(
        "A model steps two optimizers by hand in each of 8 batches. What is `global_step` after the epoch?",
        "Two optimizers",
        _yes(
            "16",
            "Each step of each optimizer counts, for `max_steps` as well.",
        ),
        _no(
            "8",
            "It counts steps of optimizers, not batches.",
        ),
        _no(
            "0",
            "Steps by hand count, too, if they are made with what `self.optimizers()` returns.",
        ),
    ),
)

_07 = (
    _ask(
        "In a sweep of fifty runs, run 37 fails. What does the same call do the next day?",
        "Let a run fail",
        _yes(
            "It runs the one that failed, and leaves the others as they are.",
            "A run counts as done when it ended well with the same parameters, notebook and data.",
        ),
        _no(
            "It runs all fifty again, so that they are alike.",
            "They are alike: each is one notebook with its own parameters. What is done and good is not run twice.",
        ),
        _no(
            "Nothing, as the folder of the sweep is not empty.",
            "It looks at each run. The one that failed is not done.",
        ),
    ),
    _ask(
        "A search has tried forty learning rates on validation data. The best has an accuracy of 0.86 there. What may "
        "be reported?",
        "Search without a look at the test",
        _no(
            "0.86: the test samples had no part in it.",
            "The best of forty means flatters: chance has helped to choose it. Other samples have to judge it.",
        ),
        _no(
            "The best test accuracy of the forty, as the test was not the goal.",
            "Then the test chooses after all. That is why the search hides these results.",
        ),
        _yes(
            "The test accuracy of that one choice, and how many were tried.",
            "The validation data chose, the test data judge once. `--reveal` shows it, and records the look.",
        ),
    ),
    _ask(
        "Ten folds give ten accuracies. Why is sd/√10 too small for the error of their mean?",
        "Make one result of the folds",
        _no(
            "Because ten is a small number; with more folds it would fit.",
            "More folds share even more of their training data. The formula, not the number, is wrong.",
        ),
        _yes(
            "Because the models of two folds have learned from nearly the same samples.",
            "The ten numbers are not independent. Nadeau and Bengio add the share of test to training samples.",
        ),
        _no(
            "Because the test parts of the folds overlap.",
            "They do not: each sample is tested once. What overlaps is the training data.",
        ),
    ),
)

_08 = (
    _ask(
        "Data lie in memory, and a step takes a few milliseconds. What do ten loader workers do?",
        "Workers",
        _no(
            "They prepare batches ahead, so that no step waits.",
            "There is nothing to prepare: a batch is one indexing operation. It then travels between processes.",
        ),
        _yes(
            "They cost the time of their start, and of carrying every batch over.",
            "Workers pay where reading a sample takes long: files, decoding, augmentation.",
        ),
        _no(
            "Nothing: idle processes are free.",
            "They start anew for each pass, unless they persist, and each batch is copied.",
        ),
    ),
    _ask(
        "After a fit with `ddp_notebook`, what does `trainer.global_step` in the notebook say?",
        "Start processes from a notebook",
        _no(
            "The steps that were taken.",
            "They were taken in copies of this process. Weights and logged values are sent back, counters are not.",
        ),
        _yes(
            "0: the training took place in copies of the process.",
            "Weights, logged values and the path of the best checkpoint come back; the rest is gone.",
        ),
        _no(
            "Twice the steps, since two processes took them.",
            "Processes step together. And nothing of their counters comes back.",
        ),
    ),
    _ask(
        "The profiler says that most of the time goes into `optimizer_step`. What do you change?",
        "Profile a fit",
        _no(
            "The optimizer: it is the slowest part.",
            "Perhaps it is. But this time contains that of the forward and the backward pass: look at those first.",
        ),
        _no(
            "The number of loader workers, so that the optimizer does not wait.",
            "Waiting for data has a row of its own, before the step begins.",
        ),
        _yes(
            "Nothing yet: `training_step` and `backward` run inside it.",
            "Lightning hands both to the optimizer as a function. Subtract their rows before you blame it.",
        ),
    ),
)

_09 = (
    _ask(
        "Of 21 looks at the test samples, somebody reports the best. The network and its training are untouched. What "
        "is wrong with it?",
        "Look where one must not look",
        _no(
            "Nothing: that epoch really is the best one.",
            "On these people. On others, a part of the rise is left, if any: the page picks on one half and looks at "
            "the other.",
        ),
        _yes(
            "The test labels have chosen the epoch, so the result no longer tells how others will fare.",
            "What takes part in a choice cannot judge it. The training alone need not have seen the labels.",
        ),
        _no(
            "One should report the mean of the 21 looks instead.",
            "That would be honest, but of what? Choose the epoch with other samples, and test once.",
        ),
    ),
    _ask(
        "Ten seeds give an accuracy of 0.82 ± 0.01 on 106 test samples. How sure is the 0.82?",
        "Put intervals on it",
        _no(
            "Within 0.01 or so: that is what ten runs have shown.",
            "The ten runs were judged on the same 106 people. They show what another seed does, no more.",
        ),
        _no(
            "Within 0.003: the mean of ten runs is surer than one run.",
            "As to the seed it is. More seeds do not bring more people.",
        ),
        _yes(
            "Within 0.07 or so, at 95 %: other people would give another number.",
            "One person is about 0.01. The bootstrap draws other people, and its interval is that wide.",
        ),
    ),
    _ask(
        "A network has an auroc of 0.91, logistic regression 0.90, on the same people. The interval of the difference "
        "goes from -0.02 to 0.04. What follows?",
        "Give the verdict",
        _no(
            "The network is better, if only by a little.",
            "Other people might turn the sign. The interval holds 0 and what lies below it.",
        ),
        _no(
            "Both are equally good.",
            "Nobody has shown that, either: 0.04 is in the interval, too. More people would tell.",
        ),
        _yes(
            "These people do not tell them apart.",
            "An interval that holds 0 names no winner. It is no proof that there is no difference; only a narrow one "
            "says that it is small.",
        ),
    ),
)

_A3 = (
    _ask(
        "While `fit` validates, a hook of yours asks `trainer.training`. What does it get?",
        "In which stage it is",
        _no(
            "True: `fit` is running.",
            "That is what `trainer.state.fn` says. The flag is of the stage within it.",
        ),
        _yes(
            "False, and `trainer.validating` is True.",
            "The flags follow the stage; one hook can tell by them where it was called.",
        ),
        _no(
            "An error: the flag is for callbacks of training.",
            "It can be asked at any time, even before the first stage.",
        ),
    ),
    _ask(
        "In `training_step` you log `v` with `on_step=True, on_epoch=True`. Under which name does the log have it?",
        "When a value is logged",
        _no(
            "`v`, once a step and once more at the end of the epoch.",
            "Two things under one name could not be told apart.",
        ),
        _no(
            "`v` for the epoch, `v_step` for the steps.",
            "Only callbacks find a plain `v`: at the end of the epoch it is the value of the epoch.",
        ),
        _yes(
            "`v_step` and `v_epoch`.",
            "A callback may still monitor `v`; the log has only the two longer names.",
        ),
    ),
    _ask(
        "Your callback returns a dictionary from `on_save_checkpoint`, as in 1.x. Where does it go?",
        "What goes into a checkpoint",
        _yes(
            "Nowhere.",
            "What is returned is dropped without a word. `state_dict` is saved, and what you write into `checkpoint`.",
        ),
        _no(
            "Into the checkpoint, under the callback's `state_key`.",
            "That is where `state_dict` goes. The return value of this hook was kept in 1.x.",
        ),
        _no(
            "The save stops with an error.",
            "Nothing is raised; you find out when you resume, and the state is not there.",
        ),
    ),
)

_A4 = (
    _ask(
        "`ModelPruning(amount=0.5)` prunes at the end of each of two epochs. Which share of the weights is zero?",
        "Change the training",
        _no(
            "A half.",
            "It would be so after one epoch; the second takes from those that are left.",
        ),
        _no(
            "All of them.",
            "Each time it takes half of what is left, so something always stays.",
        ),
        _yes(
            "Three quarters.",
            "Half of the weights, and then half of the remaining half.",
        ),
    ),
    _ask(
        "`SpikeDetection` has found a jump of the loss. What happens then?",
        "Stop",
        _yes(
            "The run ends with an error, and the batch is on a list.",
            "The list has the batch before it too. That you skip them next time is up to you.",
        ),
        _no(
            "The batch is left out, and training goes on.",
            "Nothing is left out: its gradient has been followed already.",
        ),
        _no(
            "The weights go back to the latest checkpoint.",
            "No callback of Lightning does that by itself; you resume by hand.",
        ),
    ),
    _ask(
        "Your step says `print(loss)`, and pieces of the bar stay on the screen. What is the smallest change?",
        "Show",
        _no(
            "Log the loss with `prog_bar=True`, and leave the line.",
            "The bar shows it then, but the line goes on breaking the bar.",
        ),
        _yes(
            "Write `self.print(loss)`.",
            "It goes through the bar, which is drawn again below.",
        ),
        _no(
            "`TQDMProgressBar(leave=True)`.",
            "It keeps the bar of every epoch: more lines, not fewer.",
        ),
    ),
)

_10 = (
    _ask(
        "Two processes train with `batch_size=32` each. From how many samples is one optimizer step?",
        "Train with the defaults",
        _no(
            "32: that is the batch size.",
            "So it is in each process. Before the step, the gradients of both are averaged.",
        ),
        _yes(
            "64: each process has its own batch, and the gradients are averaged.",
            "An epoch then has half as many steps. To keep the run as it was, halve the batch size.",
        ),
        _no(
            "16: the batch is shared out.",
            "The samples of an epoch are shared out, not the batch. The loader of each process makes whole batches.",
        ),
    ),
    _ask(
        "In a run of two processes, `self.log` stands in `validation_step` without `sync_dist`. Whose loss is shown?",
        "Add up what the processes saw",
        _yes(
            "That of the samples of the first process alone.",
            "Each process logs the mean of its own half, and only the first one writes. `sync_dist=True` averages.",
        ),
        _no(
            "The mean over all samples: Lightning brings the processes together at each validation.",
            "It averages gradients without being asked. For logged values it has to be asked, with `sync_dist=True`.",
        ),
        _no(
            "The sum over both processes.",
            "Nothing is added up. What is shown looks like a loss of the usual size, which is why nobody notices.",
        ),
    ),
    _ask(
        "A machine is lost in the middle of epoch 7, and torchrun starts the processes anew. Where do they go on?",
        "Pull the plug of a training",
        _no(
            "At the step where it was lost: the other machine knows it.",
            "Its process is ended and started anew too, and knows what the checkpoint knows.",
        ),
        _yes(
            "Where the last checkpoint was saved, if the script looks for one.",
            "torchrun starts the script again from the top. That it goes on is the script's doing.",
        ),
        _no(
            "At the beginning: torchrun keeps no weights.",
            "It keeps none, true. The script's own checkpoint does.",
        ),
    ),
)

_11 = (
    _ask(
        "Ten classes. The first loss is 2.30, which is ln 10. After 150 steps on one batch of 32 it is 1.85. What now?",
        "One batch by heart",
        _yes(
            "Look for a fault: a sound network knows 32 samples by heart by then.",
            "The loss should be near 0. Two softmaxes do exactly this, and the first loss does not show them.",
        ),
        _no(
            "Nothing: the first loss is right, and the loss falls.",
            "It falls with two softmaxes, too, and cannot go below 1.46. Falling is not enough.",
        ),
        _no(
            "Take more data: 32 samples are too few to learn from.",
            "Too few to learn what holds for others. To be learnt by heart, fewer are easier.",
        ),
    ),
    _ask(
        "Your network is right on 98 of 100 test rows of a table, a linear method on 98 as well. What do you hand on?",
        "Learn from a table",
        _no(
            "The network, because more data will make it better.",
            "Perhaps it will, and then you can train it. Hand on what is better now.",
        ),
        _no(
            "Neither: with equal results, nobody knows whether they mean anything.",
            "Compare both with always giving the same answer: that shows whether something was learnt.",
        ),
        _yes(
            "The linear method.",
            "It is as good, smaller, quicker, and easier to explain. The baseline has told you so in a second.",
        ),
    ),
    _ask(
        "A colleague wants to use your model in a program that has PyTorch and none of your classes. What do you send?",
        "Hand on what runs elsewhere",
        _no(
            "The whole model, saved by `torch.save(model, ...)`.",
            "It names your classes and does not hold them: where they are missing, it cannot be loaded.",
        ),
        _yes(
            "The program that `torch.export` writes.",
            "It holds the operations and the weights: the page loads it in a process without Lightning.",
        ),
        _no(
            "The checkpoint of the best epoch, which has all weights.",
            "It has the weights, and not the network: `load_from_checkpoint` needs your class.",
        ),
    ),
)

SELF_TESTS: dict[str, tuple[Question, ...]] = {
    "00": _00,
    "01": _01,
    "02": _02,
    "03": _03,
    "04": _04,
    "05": _05,
    "06": _06,
    "07": _07,
    "08": _08,
    "09": _09,
    "10": _10,
    "11": _11,
    "A1": _A1,
    "A2": _A2,
    "A3": _A3,
    "A4": _A4,
}
