"""The exercises of each notebook in order, each by its check, and what the check adds when an answer is wrong again."""

from typing import NamedTuple


class Steps(NamedTuple):
    """What follows after the check's own nudge: at the second wrong try, and at the third."""

    look: str
    """Where to look: a sentence with a link to a section of the notebook, as in Markdown."""
    shape: str
    """The shape of the code, with `...` where the ideas go."""


EXERCISES: dict[str, dict[str, Steps]] = {
    "00_quickstart": {
        "check_sample_count": Steps(
            "the line that begins with 'samples:' under [Load the data](#Load-the-data) has a number for each part.",
            "n_samples = ... + ... + ...",
        ),
        "check_steps_per_epoch": Steps(
            "under [Load the data](#Load-the-data) stands how many samples the training part has. 32 of them make a "
            "batch, and the last batch may be smaller.",
            "steps_per_epoch = ...  # samples / 32, and then up to the next whole number",
        ),
        "check_trainer": Steps(
            "the Trainer under [Train](#Train) has an argument for each of the two.",
            "short_trainer = Trainer(max_epochs=..., logger=...)",
        ),
        "check_mended_classifier": Steps(
            "the one that learns, under [Write a project of your own](#Write-a-project-of-your-own), has a line more "
            "in training_step, and another number in configure_optimizers.",
            "def training_step(self, batch, batch_idx):\n"
            "    ...  # as before\n"
            "    return ...\n"
            "def configure_optimizers(self):\n"
            "    return torch.optim.Adam(self.parameters(), lr=...)",
        ),
    },
    "01_datamodule": {
        "check_call_counts": Steps(
            "the last lines of [Tell prepare_data from setup](#Tell-prepare_data-from-setup) compare two processes "
            "with one.",
            "calls = (..., ...)  # of prepare_data, of setup",
        ),
        "check_scaling": Steps(
            "[Hard-code it first](#Hard-code-it-first) does it, with a scaler of scikit-learn.",
            "def scale_view(view, train):\n"
            "    low, high = ..., ...  # of each feature, among the training samples\n"
            "    return ...  # of all samples: 0 at low, 1 at high",
        ),
        "check_mended_module": Steps(
            "[Tell prepare_data from setup](#Tell-prepare_data-from-setup) for the first, [Hard-code it "
            "first](#Hard-code-it-first) for the second, where the loaders are made, and [Split once for all "
            "stages](#Split-once-for-all-stages) for the third.",
            "class MendedModule(ColleaguesModule):\n"
            "    def prepare_data(self): ...  # files alone, and here are none\n"
            "    def setup(self, stage):\n"
            "        ...  # objects, and something that every session makes alike: it decides who goes where\n"
            "    def train_dataloader(self): ...  # new batches in each epoch",
        ),
        "check_table_module": Steps(
            "[Extract the DataModule](#Extract-the-DataModule) has a whole one, with `[views]` where you have rows; "
            "[Split once for all stages](#Split-once-for-all-stages) has the cut.",
            "class TableModule(LightningDataModule):\n"
            "    def __init__(self, table, labels, batch_size): ...  # super().__init__() first, then keep them\n"
            "    def setup(self, stage): ...  # pairs of row and label, cut in the same way each time\n"
            "    def train_dataloader(self): ...  # a DataLoader, with new batches in each epoch\n"
            "    def val_dataloader(self): ...\n"
            "    def test_dataloader(self): ...",
        ),
    },
    "02_model": {
        "check_tcp": Steps(
            "the true class probability is introduced under [Take the loss apart](#Take-the-loss-apart).",
            "def my_tcp(view_logit, labels):\n"
            "    probabilities = ...  # (B, C): each row adds up to 1\n"
            "    return ...  # (B,): from each row the entry of its label",
        ),
        "check_validation_loss": Steps(
            "[See what the Trainer does in your place](#See-what-the-Trainer-does-in-your-place), under 2, has the "
            "mode and the gradients; [Take the loss apart](#Take-the-loss-apart) has `criterion`.",
            "model...()  # the mode without dropout\n"
            "losses = []\n"
            "with torch.no_grad():\n"
            "    for views, labels in datamodule.val_dataloader():\n"
            "        losses.append(...)  # one loss for each sample\n"
            "my_validation_loss = ...",
        ),
        "check_mended_steps": Steps(
            "compare it, line by line, with the one under [Build a module step by step](#Build-a-module-step-by-step): "
            "the layers in __init__, what forward returns, and the names of the methods. [Use a metric that is "
            "right](#Use-a-metric-that-is-right) has the F1.",
            "self.layers = nn....(...)  # a list that PyTorch can see\n"
            "return torch.stack(scores).sum(dim=0)  # ... and no softmax\n"
            "def ...(self, batch, batch_idx):  # the name that Lightning calls\n"
            "    self.f1.update(...)  # a metric made in __init__\n"
            '    self.log("val/f1", ...)  # the metric itself',
        ),
        "check_own_model": Steps(
            "[Build a module step by step](#Build-a-module-step-by-step) has each method, and a table of them.",
            "class OwnModel(LightningModule):\n"
            "    def __init__(self, in_dim, num_class): ...  # super().__init__() first, then the layers\n"
            "    def forward(self, views): ...  # scores, (B, C), from all views\n"
            "    def training_step(self, batch, batch_idx): ...  # returns the loss\n"
            "    def configure_optimizers(self): ...  # returns an optimizer",
        ),
    },
    "03_callbacks": {
        "check_early_stopping": Steps(
            "[Stop when nothing improves](#Stop-when-nothing-improves) explains the four arguments.",
            "accuracy_stop = EarlyStopping(..., min_delta=..., patience=..., mode=...)",
        ),
        "check_best_two": Steps(
            "[Keep the best weights](#Keep-the-best-weights) has both: what is kept, and what the files are called.",
            "best_two = ModelCheckpoint(\n"
            "    monitor=..., mode=..., save_top_k=...,\n"
            '    filename="...{epoch}...{...}", auto_insert_metric_name=...\n'
            ")",
        ),
        "check_loss_history": Steps(
            "[Find the hook that never fires](#Find-the-hook-that-never-fires), the sanity check under [Watch every "
            "hook](#Watch-every-hook), and what objects remember under [Give every run its own "
            "callbacks](#Give-every-run-its-own-callbacks).",
            "class LossHistory(Callback):\n"
            "    def __init__(self): ...  # a list for this run alone\n"
            "    def on_...(self, trainer, pl_module):\n"
            "        if not trainer...:  # the Trainer tries validation before it trains\n"
            '            self.losses.append(trainer.callback_metrics["..."].item())',
        ),
        "check_best_weights": Steps(
            "[Write your own](#Write-your-own) has the hooks; [Keep the best weights](#Keep-the-best-weights) has a "
            "callback of Lightning that knows the best file.",
            "class BestWeights(Callback):\n"
            "    def on_validation_end(self, trainer, pl_module):\n"
            "        ...  # lower than ever before? keep a copy of the weights\n"
            "    def on_...(self, trainer, pl_module):  # once, after training\n"
            "        ...  # put them back",
        ),
    },
    "04_trainer_arguments": {
        "check_accumulated_steps": Steps(
            "[Control numbers and gradients](#Control-numbers-and-gradients) counts the steps of such a run.",
            "steps_taken = epochs * ...  # the steps of one epoch, what is left over included",
        ),
        "check_short_epoch": Steps(
            "[Say how much data](#Say-how-much-data) tells a whole number from a fraction.",
            'trial = {"max_epochs": ..., "limit_train_batches": ..., "limit_val_batches": ...}',
        ),
        "check_week_end_trainer": Steps(
            "[Say how long](#Say-how-long), [Say when to validate](#Say-when-to-validate) and [Say what is logged and "
            "when](#Say-what-is-logged-and-when) have one argument each.",
            "weekend = Trainer(max_epochs=..., max_time=..., check_val_every_n_epoch=..., log_every_n_steps=...)",
        ),
        "check_budget": Steps(
            "[Say how much data](#Say-how-much-data) and [Say when to validate](#Say-when-to-validate) make "
            "validation smaller, or rarer.",
            'frugal = {"max_epochs": ..., "limit_val_batches": ...}  # or others; count the sanity check, too',
        ),
    },
    "05_hparams_and_checkpoints": {
        "check_night": Steps(
            "[Keep the checkpoints you mean](#Keep-the-checkpoints-you-mean) says what best means, and from when "
            "`last.ckpt` is.",
            "def night(folder):\n"
            "    keeps_the_best = ModelCheckpoint(..., monitor=..., mode=...)\n"
            "    is_always_up_to_date = ModelCheckpoint(..., save_last=...)\n"
            "    return [keeps_the_best, is_always_up_to_date]",
        ),
        "check_remembers": Steps(
            "[Save hyperparameters](#Save-hyperparameters) leaves an argument out.",
            "class Remembers(LightningModule):\n"
            "    def __init__(self, loss_fx, width, dropout):\n"
            "        super().__init__()\n"
            "        self.save_hyperparameters(...)\n"
            "        ...",
        ),
        "check_counts_on": Steps(
            "[Open a checkpoint](#Open-a-checkpoint) shows the states of callbacks in the file; [Resume a "
            "run](#Resume-a-run) reads them.",
            "class CountsOn(Callback):\n"
            "    def __init__(self): ...\n"
            "    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx): ...\n"
            "    def state_dict(self): ...  # what goes into the checkpoint\n"
            "    def load_state_dict(self, state_dict): ...  # what comes back from it",
        ),
    },
    "06_reproducibility": {
        "check_make_linear": Steps(
            "[Seed everything](#Seed-everything): weights are drawn when a layer is made.",
            "def make_linear(seed):\n    ...  # before the weights are drawn\n    return torch.nn.Linear(4, 2)",
        ),
        "check_deterministically": Steps(
            "[Ask for deterministic operations](#Ask-for-deterministic-operations) shows the request, and the mode: a "
            "number for off, warn and error, which PyTorch tells and takes back.",
            "def deterministically(function):\n"
            "    before = ...  # all of it, not only on or off\n"
            "    ...\n"
            "    try:\n"
            "        return function()\n"
            "    finally:\n"
            "        ...",
        ),
        "check_quiet_noise": Steps(
            "[Vary what happens beside the training](#Vary-what-happens-beside-the-training) has a callback that is "
            "not quiet.",
            "class QuietNoise(Callback):\n"
            "    def __init__(self):\n"
            "        self.drawn = []\n"
            "        ...  # numbers that nobody else draws from\n"
            "    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):\n"
            "        self.drawn.append(torch.rand(...).item())",
        ),
        "check_mended_training": Steps(
            "[Find where two runs part](#Find-where-two-runs-part) says to which place each quantity points.",
            "def mended_training(folder):\n"
            "    ...  # what comes first?\n"
            "    ...  # three things are drawn: where does each of them begin, in each call?\n"
            "    return net",
        ),
    },
    "07_experiments": {
        "check_runs_that_start": Steps(
            "[Call it again](#Call-it-again) and [Let a run fail](#Let-a-run-fail) show what starts and what does not.",
            "runs_that_start = ...  # combinations that are wanted, less those that ended well",
        ),
        "check_fair_difference": Steps(
            "the table above the task shows which fold has one run only; [Make one result of the "
            "folds](#Make-one-result-of-the-folds) compares fold by fold.",
            "def fair_gain(table, first, second):\n"
            "    by_fold = ...  # a row per fold, a column per rate\n"
            "    return ...  # the mean of the differences of the two columns",
        ),
        "check_sweep_command": Steps(
            "[Sweep over folds](#Sweep-over-folds) has one; `mldrl-lite sweep --help` lists what it takes.",
            'my_command = "mldrl-lite sweep NOTEBOOK -p ... -p ... -j ... -o ..."',
        ),
    },
    "08_speed_and_scale": {
        "check_lean_run": Steps(
            "[Measure one setting at a time](#Measure-one-setting-at-a-time) shows what logging and checkpoints cost.",
            "def my_lean_run(folder):\n"
            "    keeper = ModelCheckpoint(monitor=..., ...)\n"
            '    return {"logger": CSVLogger(folder), "callbacks": [keeper], "log_every_n_steps": ...}',
        ),
        "check_quick_samples": Steps(
            "the counts above the task say how often the limits are worked out; once would do. [Profile a "
            "fit](#Profile-a-fit) counts calls, too.",
            "class QuickSamples(Dataset):\n"
            "    def __init__(self, features):\n"
            "        ...  # what is the same for all samples\n"
            "    def __getitem__(self, index):\n"
            "        return ...",
        ),
    },
    "09_honest_comparison": {
        "check_honest_score": Steps(
            "[Look where one must not look](#Look-where-one-must-not-look) picks by the test set; here another array "
            "picks.",
            "def honest_score(validation, test):\n"
            "    picked = ...  # for each run, the number of an epoch\n"
            "    return ...  # the mean of what test gives there, each run with its own epoch",
        ),
        "check_difference_interval": Steps(
            "[Put intervals on it](#Put-intervals-on-it) draws people with replacement, for one model.",
            "def difference_interval(labels, first, second):\n"
            "    differences = []\n"
            "    for draw in range(1000):\n"
            "        people = ...  # as many as there are, drawn with replacement\n"
            "        differences.append(...)  # of the two accuracies, on these people\n"
            "    return np.quantile(differences, [..., ...])",
        ),
        "check_test_size": Steps(
            "the formula stands in the task; the [interval of an accuracy](#Put-intervals-on-it) is the same one.",
            "test_size = ...  # solve 1.96 * (p * (1 - p) / n) ** 0.5 == 0.02 for n",
        ),
        "check_mended_test": Steps(
            "[Choose on the training samples](#Choose-on-the-training-samples) chooses by cross-validation.",
            "def mended_test(train_x, train_y, test_x, test_y):\n"
            "    best = ...  # of KS, by the training samples alone\n"
            "    return ...  # the accuracy of that model on the test samples",
        ),
    },
    "10_many_machines": {
        "check_shared_steps": Steps(
            "[Train with the defaults](#Train-with-the-defaults) counts the steps of two processes.",
            "samples_each = ...\nsteps_of_four = ...  # batches of samples_each; what is left over is a batch, too",
        ),
        "check_share": Steps(
            "[Make it the same training](#Make-it-the-same-training) shows a sampler that deals one by one; here, each "
            "rank's samples lie beside each other.",
            "def my_share(order, batch_size, rank, world):\n"
            "    each = ...  # samples of one rank in a step\n"
            "    batches = ...  # the full global batches\n"
            "    return [... for batch in batches]  # of each, the piece of this rank",
        ),
        "check_mended_arguments": Steps(
            "`machines` under [Pull the plug of a training](#Pull-the-plug-of-a-training) counts both, and "
            "[Make it the same training](#Make-it-the-same-training) tells of the sampler.",
            "def mended_arguments(environ):\n"
            '    counts = {"num_nodes": int(environ[...]), "devices": int(environ[...])}\n'
            '    return counts | {"strategy": "ddp", ...: ...}',
        ),
    },
    "11_your_own_project": {
        "check_learns_by_heart": Steps(
            "[One batch by heart](#One-batch-by-heart) does it with a Trainer, and says how low the loss gets.",
            "def learns_by_heart(network, inputs, labels):\n"
            "    ...  # some hundred steps on these samples alone\n"
            "    network...()  # as it is used later: without dropout\n"
            "    return ...  # is the loss almost 0?",
        ),
        "check_mended_project": Steps(
            "[One batch by heart](#One-batch-by-heart) has the first fault, and [Keep the best, and test "
            "it](#Keep-the-best,-and-test-it) says what is kept. For the second, ask what an image alone would give.",
            "class MendedProject(pl.LightningModule):\n"
            "    def __init__(self): ...  # layers that end in logits\n"
            "    def forward(self, images): ...  # nothing over dimension 0, which is the batch\n"
            "    def configure_callbacks(self):\n"
            "        return ModelCheckpoint(monitor=..., mode=...)\n"
            "    ...  # the rest as it was",
        ),
        "check_my_project": Steps(
            "[A worked example](#A-worked-example) shows what changes, and the README of the project says the rest. "
            "In a terminal, mldrl-lite judge names the test that fails, and says why.",
            'my_project = "..."  # the folder that mldrl-lite new has made, with samples of yours',
        ),
    },
    "A1_trainer_argument_atlas": {
        "check_validates_every_six": Steps(
            "[Validation and logging](#Validation-and-logging) says which argument counts batches, and when it counts "
            "across epochs.",
            'every_six = {"val_check_interval": ..., "check_val_every_n_epoch": ...}',
        ),
        "check_logged_four_times": Steps(
            "[Validation and logging](#Validation-and-logging) shows at which steps a loss is written.",
            'every_second = {"max_epochs": ..., "log_every_n_steps": ...}',
        ),
        "check_mended_call": Steps(
            "[How much data](#How-much-data), [Validation and logging](#Validation-and-logging) and [Numbers and "
            "gradients](#Numbers-and-gradients) have a surprise for each of the four.",
            'mended_call = {"max_epochs": 3, "limit_train_batches": ..., "val_check_interval": ...,\n'
            '               "log_every_n_steps": ..., "gradient_clip_val": ...}',
        ),
    },
    "A2_from_1x_to_2x": {
        "check_todays_trainer": Steps(
            "[Replace the arguments](#Replace-the-arguments) has a line for each of the four.",
            'todays_arguments = {"accelerator": ..., "max_epochs": ...,\n'
            '                    "enable_...": ..., "enable_...": ..., "enable_...": ...}',
        ),
        "check_epoch_means": Steps(
            "[Replace hooks that raise](#Replace-hooks-that-raise): the model collects the outputs itself.",
            "class MeanKeeper(LightningModule):\n"
            "    def __init__(self): ...  # as before, and a list for the losses of an epoch\n"
            "    def training_step(self, batch, batch_idx): ...  # keeps the loss, and returns it\n"
            "    def on_...(self): ...  # takes the mean; then the list is empty again\n"
            "    def configure_optimizers(self): ...",
        ),
        "check_speaks_again": Steps(
            "[Find what fails in silence](#Find-what-fails-in-silence) has a model with the same faults, and diagnose "
            "names them: run diagnose(Silent()).",
            "class Mended(LightningModule):\n"
            "    def __init__(self, lr=0.1): ...  # super().__init__(), and one call that keeps lr for the checkpoint\n"
            "    def validation_step(self, batch, batch_idx): ...  # logs, and returns nothing\n"
            "    def on_...(self): ...  # at the end of an epoch of training, and of no other",
        ),
    },
    "A3_beyond_the_arguments": {
        "check_largest_loss": Steps(
            "[Log a value](#Log-a-value) has a section on when, one on how many values become one, and one on where.",
            'largest = {"on_step": ..., "on_epoch": ..., "reduce_fx": ..., "prog_bar": ...}',
        ),
        "check_mended_schedule": Steps(
            "[How far it is](#How-far-it-is) has such a schedule twice, and what counts the steps of a run.",
            "def mended_schedule(trainer, optimizer):\n"
            "    steps = ...  # of the optimizer, in the whole run\n"
            "    one_cycle = torch.optim.lr_scheduler.OneCycleLR(...)\n"
            "    return {...}  # the schedule, and how often it is stepped",
        ),
    },
    "A4_parts_for_the_trainer": {
        "check_accumulation": Steps(
            "[Change the training](#Change-the-training) begins with such a callback.",
            "accumulation = callbacks....({...})  # from which epoch on, how many batches make a step",
        ),
        "check_mended_watchers": Steps(
            "[Save](#Save) keeps all files of a run, and [Watch](#Watch) the rate of each step.",
            "def mended_watchers(folder):\n"
            "    keeper = callbacks.ModelCheckpoint(folder, every_n_epochs=2, save_top_k=...)\n"
            "    return [keeper, callbacks.LearningRateMonitor(...)]",
        ),
    },
}
"""By the start of a notebook's file name, and by the name of a check."""
