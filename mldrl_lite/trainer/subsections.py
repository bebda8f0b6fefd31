"""The subsection of A3 or A4 that shows a name, where the section of its kind is long."""

_NAMES = {
    ("Trainer", "In which stage it is"): """
        training testing predicting validating evaluating sanity_checking
        interrupted received_sigterm should_stop state""",
    ("Trainer", "How far it is"): """
        global_step current_epoch max_epochs min_epochs max_steps min_steps is_last_batch
        num_training_batches num_sanity_val_batches num_val_batches num_test_batches num_predict_batches
        estimated_stepping_batches enable_validation""",
    ("Trainer", "What it works with"): """
        lightning_module model datamodule optimizers lr_scheduler_configs
        train_dataloader val_dataloaders test_dataloaders predict_dataloaders""",
    ("Trainer", "What it is made of"): """
        accelerator strategy precision precision_plugin scaler profiler is_global_zero
        global_rank local_rank node_rank world_size num_nodes device_ids num_devices distributed_sampler_kwargs""",
    ("Trainer", "Where it writes"): """
        callback_metrics logged_metrics progress_bar_metrics logger loggers log_dir default_root_dir""",
    ("Trainer", "Which callbacks it has"): """
        callbacks early_stopping_callback early_stopping_callbacks
        checkpoint_callback checkpoint_callbacks progress_bar_callback ckpt_path""",
    ("Trainer", "Run a stage"): "fit validate test predict",
    ("Trainer", "Save, print, make a model"): "save_checkpoint print init_module",
    ("self.log", "When a value is logged"): "on_step on_epoch",
    ("self.log", "How many values become one"): "reduce_fx batch_size metric_attribute",
    ("self.log", "Where a value goes"): "prog_bar logger enable_graph",
    ("self.log", "Several processes and several loaders"): """
        sync_dist sync_dist_group add_dataloader_idx rank_zero_only""",
    ("Callback", "What goes into a checkpoint"): "state_key state_dict load_state_dict on_save_checkpoint",
    ("LightningModule", "What a return value does"): """
        training_step validation_step predict_step configure_optimizers""",
    ("LightningModule", "Change a batch"): """
        on_before_batch_transfer transfer_batch_to_device on_after_batch_transfer on_train_batch_start""",
    ("LightningModule", "Change a step"): """
        backward on_after_backward configure_gradient_clipping
        optimizer_step optimizer_zero_grad lr_scheduler_step""",
    ("LightningModule", "Change modes and parts"): """
        configure_callbacks configure_model configure_sharded_model
        on_validation_model_eval on_validation_model_train""",
    ("LightningModule", "What goes into a checkpoint"): "on_save_checkpoint on_load_checkpoint",
    ("LightningModule", "What it knows"): """
        trainer fabric example_input_array current_epoch global_step on_gpu
        global_rank local_rank strict_loading logger loggers device_mesh
        automatic_optimization dtype device to cuda cpu type float double half""",
    ("LightningModule", "Step by hand"): """
        optimizers lr_schedulers manual_backward toggle_optimizer untoggle_optimizer
        toggled_optimizer clip_gradients""",
    ("LightningModule", "Freeze, export, load"): """
        freeze unfreeze to_onnx to_torchscript to_tensorrt
        load_from_checkpoint save_hyperparameters hparams hparams_initial
        remove_ignored_hparams all_gather print""",
    ("LightningModule", "When a value is logged"): "log",
    ("LightningModule", "Log a dictionary"): "log_dict",
    ("LightningDataModule", "What goes into a checkpoint"): "state_dict load_state_dict",
    ("LightningDataModule", "The hooks of a datamodule"): "on_exception",
    ("LightningDataModule", "Freeze, export, load"): "remove_ignored_hparams",
    ("callback", "Stop"): "EarlyStopping SpikeDetection Timer",
    ("callback", "Save"): "Checkpoint ModelCheckpoint OnExceptionCheckpoint",
    ("callback", "Show"): "ModelSummary ProgressBar RichModelSummary RichProgressBar TQDMProgressBar",
    ("callback", "Watch"): "DeviceStatsMonitor LearningRateMonitor ThroughputMonitor",
    ("callback", "Change the training"): """
        BackboneFinetuning BaseFinetuning EMAWeightAveraging GradientAccumulationScheduler
        ModelPruning StochasticWeightAveraging WeightAveraging""",
    ("callback", "Write your own"): "BasePredictionWriter Callback LambdaCallback",
    ("callback", "Search"): "BatchSizeFinder LearningRateFinder",
    ("plugin", "Precision"): """
        Precision DoublePrecision HalfPrecision MixedPrecision BitsandbytesPrecision DeepSpeedPrecision
        FSDPPrecision TransformerEnginePrecision XLAPrecision""",
    ("plugin", "Write checkpoints"): "CheckpointIO TorchCheckpointIO AsyncCheckpointIO XLACheckpointIO",
    ("plugin", "Synchronize batch norm"): "LayerSync TorchSyncBatchNorm",
}

SUBSECTIONS = {(owner, name): section for (owner, section), names in _NAMES.items() for name in names.split()}
"""By owner, the last word of a kind such as `property of Trainer`, and name: the heading of the subsection."""
