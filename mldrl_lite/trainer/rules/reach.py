"""What a run is too short for."""


def no_validation(every: int, epochs: int) -> tuple[str, str, str]:
    """Return what, why and fix where validation is due after the run."""
    return (
        f"check_val_every_n_epoch is {every}, and the run has {epochs} epochs: it never validates.",
        "What waits for a validation (EarlyStopping, ModelCheckpoint, schedulers) waits in vain.",
        f"Give Trainer(check_val_every_n_epoch={epochs}) or less.",
    )


def no_checkpoint(argument: str, every: int, length: str) -> tuple[str, str, str]:
    """Return what, why and fix where a checkpoint is due after the run."""
    return (
        f"ModelCheckpoint has {argument}={every}, and the run has {length}: it saves nothing.",
        "A checkpoint that is not due in the run is not saved at its end either.",
        f"Give {argument} a smaller number, or call trainer.save_checkpoint(…) after fit.",
    )
