"""Names of Lightning that nothing replaces one for one, as a table: who uses them has to decide."""

from mldrl_lite.trainer.migrate.moved import Gone

_CALLS = "Replace calls"
_STRATEGIES = "Replace strategies"
_FSDP = "FairScale is gone; PyTorch's own sharding is strategy='fsdp', of FSDPStrategy"
_APEX = "Apex is gone; precision='16-mixed' is PyTorch's own mixed precision"
_ARGPARSE = "the bridge to argparse is gone: inspect.signature(Trainer) has the names and defaults, or use LightningCLI"
_WRAPPERS = "the wrappers around a distributed model are gone: the strategy calls the model's steps"
_PRIVATE = "it is private or gone: copy the few lines that you need from torch"
_LOOPS = "loops cannot be replaced any more: write the loop with lightning.fabric, or use manual optimization"

_GONE = {
    "loggers.TestTubeLogger": Gone("TestTubeLogger is gone: TensorBoardLogger or CSVLogger log today", "1.6r17"),
    "loggers.test_tube": Gone("TestTubeLogger is gone: TensorBoardLogger or CSVLogger log today", "1.6r17"),
    "loggers.LoggerCollection": Gone("give the Trainer a list of loggers; trainer.loggers has them", "1.7r1"),
    "loggers.base.LoggerCollection": Gone("give the Trainer a list of loggers; trainer.loggers has them", "1.7r1"),
    "loggers.base.DummyLogger": Gone("it is private: logger=False is no logger"),
    "core.decorators.auto_move_data": Gone("move the data yourself, or call trainer.predict", "1.4r7", _CALLS),
    "core.decorators.parameter_validation": Gone("tied parameters are found without it: leave it out", "1.6a9"),
    "core.mixins": Gone("the mixins are private: derive from LightningModule", "1.9d15"),
    "core.saving.ModelIO": Gone("derive from LightningModule, which has load_from_checkpoint", "1.9d48"),
    "core.step_result": Gone("call self.log in the step", example="Find what fails in silence"),
    "TrainResult": Gone("call self.log(name, value) and return the loss", example="Find what fails in silence"),
    "EvalResult": Gone("call self.log(name, value)", example="Find what fails in silence"),
    "callbacks.QuantizationAwareTraining": Gone("use torch.ao.quantization directly", "1.9a56"),
    "callbacks.quantization": Gone("use torch.ao.quantization directly", "1.9a56"),
    "callbacks.device_stats_monitor.prefix_metric_keys": Gone("it is private", "1.7d27"),
    "plugins.ApexMixedPrecisionPlugin": Gone(_APEX, "1.9d6 1.9a12"),
    "plugins.precision.ApexMixedPrecisionPlugin": Gone(_APEX, "1.9d6 1.9a12"),
    "plugins.precision.apex_amp": Gone(_APEX, "1.9d6 1.9a12"),
    "plugins.precision.fully_sharded_native_amp": Gone(_FSDP, "1.9a21", _STRATEGIES),
    "plugins.precision.sharded_native_amp": Gone(_FSDP, "1.9a22", _STRATEGIES),
    "plugins.ShardedNativeMixedPrecisionPlugin": Gone(_FSDP, "1.9a22", _STRATEGIES),
    "plugins.DDPShardedPlugin": Gone(_FSDP, "1.9a19", _STRATEGIES),
    "plugins.DDPSpawnShardedPlugin": Gone(_FSDP, "1.9a19", _STRATEGIES),
    "plugins.DDPFullyShardedPlugin": Gone(_FSDP, "1.9a19", _STRATEGIES),
    "plugins.DDP2Plugin": Gone("ddp2 is gone: DDPStrategy runs one process a GPU", "1.7a1", _STRATEGIES),
    "plugins.HorovodPlugin": Gone("Horovod is a package of its own, lightning-Horovod", "1.9a54", _STRATEGIES),
    "plugins.DataParallelPlugin": Gone("dp is gone: strategy='ddp'", "1.9a2", _STRATEGIES),
    "plugins.RPCPlugin": Gone("pipelines over RPC are gone"),
    "plugins.training_type": Gone("plugins of this kind are strategies today: pytorch_lightning.strategies", "1.7a3"),
    "overrides.fairscale": Gone(_FSDP, "1.9a20", _STRATEGIES),
    "overrides.data_parallel": Gone("dp is gone: strategy='ddp'", "1.9d2", _STRATEGIES),
    "overrides.base": Gone(_WRAPPERS, "1.9d4 1.9d1"),
    "overrides.LightningDistributedModule": Gone(_WRAPPERS, "1.9d5"),
    "overrides.distributed.LightningDistributedModule": Gone(_WRAPPERS, "1.9d5 1.9d3"),
    "overrides.distributed.IndexBatchSamplerWrapper": Gone("it is private", "1.9d51"),
    "overrides.torch_distributed": Gone("use torch.distributed"),
    "distributed.LightningDistributed": Gone("the strategy does its work: DDPStrategy(start_method=…)", "1.6a7"),
    "distributed.dist.LightningDistributed": Gone("the strategy does its work: DDPStrategy(start_method=…)", "1.6a7"),
    "strategies.DDP2Strategy": Gone("ddp2 is gone: DDPStrategy runs one process a GPU", "1.7a1", _STRATEGIES),
    "strategies.DataParallelStrategy": Gone("dp is gone: strategy='ddp'", "1.9a2", _STRATEGIES),
    "strategies.fully_sharded": Gone(_FSDP, "1.9a23", _STRATEGIES),
    "strategies.DDPFullyShardedStrategy": Gone(_FSDP, "1.9a23", _STRATEGIES),
    "strategies.sharded": Gone(_FSDP, "1.9a24", _STRATEGIES),
    "strategies.DDPShardedStrategy": Gone(_FSDP, "1.9a24", _STRATEGIES),
    "strategies.sharded_spawn": Gone(_FSDP, "1.9a25", _STRATEGIES),
    "strategies.DDPSpawnShardedStrategy": Gone(_FSDP, "1.9a25", _STRATEGIES),
    "strategies.HorovodStrategy": Gone("Horovod is a package of its own, lightning-Horovod", "1.9a54", _STRATEGIES),
    "strategies.ColossalAIStrategy": Gone("ColossalAI is a package of its own, lightning-ColossalAI", "1.9a55"),
    "strategies.BaguaStrategy": Gone("Bagua is a package of its own, lightning-Bagua", "", _STRATEGIES),
    "strategies.utils.on_colab_kaggle": Gone("it was removed: ask os.environ", "1.9d28"),
    "strategies.ipu.LightningIPUModule": Gone("Lightning no longer runs on IPUs", "1.7a21"),
    "strategies.deepspeed.LightningDeepSpeedModule": Gone(
        "strategy='deepspeed' needs no wrapper", "1.8a6", _STRATEGIES
    ),
    "accelerators.IPUAccelerator": Gone("Lightning no longer runs on IPUs"),
    "accelerators.HPUAccelerator": Gone("HPUs are served by lightning-habana"),
    "loops.DataLoaderLoop": Gone(_LOOPS, "1.9d52"),
    "loops.dataloader": Gone(_LOOPS, "1.9d52"),
    "loops.EvaluationEpochLoop": Gone(_LOOPS, "1.9d53"),
    "loops.PredictionEpochLoop": Gone(_LOOPS, "1.9d54"),
    "loops.epoch.EvaluationEpochLoop": Gone(_LOOPS, "1.9d53"),
    "loops.epoch.PredictionEpochLoop": Gone(_LOOPS, "1.9d54"),
    "loops.base": Gone(_LOOPS, "1.9a28"),
    "loops.Loop": Gone(_LOOPS, "1.9a28 1.9a29 1.9a30"),
    "trainer.trainer.TrainerModelHooksMixin": Gone("the mixins of Trainer are gone", "1.5d2"),
    "trainer.model_hooks.TrainerModelHooksMixin": Gone("the mixins of Trainer are gone", "1.5d2"),
    "trainer.callback_hook.TrainerCallbackHookMixin": Gone("derive from Trainer", "1.7d11"),
    "trainer.optimizers.TrainerOptimizersMixin": Gone("the mixins of Trainer are gone", "1.7d21"),
    "trainer.data_loading.TrainerDataLoadingMixin": Gone("the mixins of Trainer are gone", "1.7d22"),
    "trainer.training_tricks": Gone("the mixins of Trainer are gone", "1.4a4 1.4a5"),
    "trainer.logging": Gone("the mixins of Trainer are gone", "1.4a6"),
    "tuner.auto_gpu_select": Gone("devices='auto', or accelerators.find_usable_cuda_devices(n)", "1.9r9 1.9r10"),
    "utilities.argparse": Gone(_ARGPARSE, "1.9d38 1.9d39 1.9d40 1.9d41 1.9d42", _CALLS),
    "utilities.argparse_utils": Gone(_ARGPARSE, "1.9d40", _CALLS),
    "utilities.parsing.str_to_bool": Gone(_ARGPARSE, "1.9d43", _CALLS),
    "utilities.parsing.str_to_bool_or_int": Gone(_ARGPARSE, "1.9d44", _CALLS),
    "utilities.parsing.str_to_bool_or_str": Gone(_ARGPARSE, "1.9d45", _CALLS),
    "utilities.parsing.flatten_dict": Gone("it was removed: write the few lines yourself", "1.9d25"),
    "utilities.data": Gone("it was removed, or is private", "1.9d17"),
    "utilities.distributed": Gone("use torch.distributed, or the strategy", "1.9d16"),
    "utilities.distributed.AllGatherGrad": Gone("use torch.distributed.nn.all_gather", "1.9d46"),
    "utilities.finite_checks.print_nan_gradients": Gone("Trainer(detect_anomaly=True) tells", "1.9d23"),
    "utilities.finite_checks.detect_nan_parameters": Gone("Trainer(detect_anomaly=True) tells", "1.9d24"),
    "utilities.memory.get_gpu_memory_map": Gone("use accelerators.cuda.get_nvidia_gpu_stats(device)", "1.8a9"),
    "utilities.memory.get_model_size_mb": Gone("it was removed: sum p.nbytes of the parameters", "1.9d27"),
    "utilities.meta": Gone("trainer.init_module() makes a model without its weights", "1.7a6 1.8a7"),
    "utilities.metrics.metrics_to_scalars": Gone("it was removed: call .item()", "1.9d26"),
    "utilities.model_helper.is_overridden": Gone("is_overridden(method, instance) of utilities.model_helpers", "1.5a2"),
    "utilities.optimizer": Gone("it was removed", "1.9d18"),
    "utilities.seed": Gone("seed_everything and isolate_rng are all that is left", "1.9d19"),
    "utilities.enums.DistributedType": Gone("ask isinstance(trainer.strategy, …)", "1.7a4"),
    "utilities.DistributedType": Gone("ask isinstance(trainer.strategy, …)", "1.7a4"),
    "utilities.enums.DeviceType": Gone("ask isinstance(trainer.accelerator, …)", "1.7a5"),
    "utilities.DeviceType": Gone("ask isinstance(trainer.accelerator, …)", "1.7a5"),
    "utilities.AMPType": Gone(_APEX, "1.9a12"),
    "utilities.params_tying": Gone("tied parameters are found without it"),
    "utilities.supporters.CombinedLoaderIterator": Gone("iterate over CombinedLoader itself", "1.9d58 1.9d59"),
    "utilities.xla_device": Gone("accelerators.XLAAccelerator.is_available()", "1.9d11"),
}

GONE = {f"pytorch_lightning.{name}": gone for name, gone in _GONE.items()}
"""Full names of 1.x that nothing replaces one for one. What is below a module in the table is gone with it."""

ENVIRONMENT = {
    "PL_TORCH_DISTRIBUTED_BACKEND": Gone("give DDPStrategy(process_group_backend=…)", "1.7d13"),
    "PL_RECONCILE_PROCESS": Gone("nothing reads it", "1.9d47"),
    "PL_FAULT_TOLERANT_TRAINING": Gone("nothing reads it: save checkpoints often", "1.9d50"),
    "PL_INTER_BATCH_PARALLELISM": Gone("nothing reads it", "1.9a53"),
}
"""Environment variables that nothing reads any more."""
