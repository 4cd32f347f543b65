"""Each field of the published protocol changes what happens in the way it says."""

from __future__ import annotations

import pytest

from tests.engines.training.conftest import Lab, Losses, rows, write_rows


def test_learning_rate_is_how_fast_the_loss_falls(lab: Lab) -> None:
    slow = lab.train({"hyperparameters": {"learning_rate": 1e-5}})
    fast = lab.train({"hyperparameters": {"learning_rate": 1e-2}})
    assert set(slow.curve("learning_rate").values()) == {1e-5}
    assert slow.curve()[1] == fast.curve()[1], "the first loss comes before any step"
    assert fast.curve()[4] < slow.curve()[4]


def test_num_epochs_is_how_often_all_examples_are_seen(losses: Losses, lab: Lab) -> None:
    assert max(losses(num_epochs=1)) == 4
    twice = lab.train({"hyperparameters": {"num_epochs": 2}})
    assert max(twice.curve()) == 8
    assert twice.result["epochs"] == 2.0


def test_batch_size_and_accumulation_are_how_many_examples_make_a_step(lab: Lab, losses: Losses) -> None:
    assert max(losses(batch_size=4)) == 2
    assert max(losses(batch_size=1)) == 8
    whole = lab.train({"hyperparameters": {"batch_size": 4, "gradient_accumulation_steps": 1}}).curve()
    parts = lab.train({"hyperparameters": {"batch_size": 2, "gradient_accumulation_steps": 2}}).curve()
    assert set(parts) == {1, 2}
    assert parts == pytest.approx(whole, rel=1e-4), "a batch in two parts teaches the same"


def test_max_seq_length_cuts_longer_examples_and_says_so(lab: Lab) -> None:
    write_rows(lab.data, [{"instruction": "i", "input": "", "output": "7" * 300}, *rows(3)])
    cut = lab.train({"hyperparameters": {"max_seq_length": 128}})
    whole = lab.train({"hyperparameters": {"max_seq_length": 512}})
    assert any("1 examples are longer than 128 tokens" in line for line in cut.lines())
    assert not any("longer" in line for line in whole.lines())
    assert whole.result["tokens"] - cut.result["tokens"] > 150


def test_warmup_steps_let_the_learning_rate_rise(lab: Lab) -> None:
    rates = lab.train({"hyperparameters": {"warmup_steps": 4, "learning_rate": 1e-3}}).curve("learning_rate")
    assert list(rates.values()) == pytest.approx([0.0, 0.25e-3, 0.5e-3, 0.75e-3])


def test_weight_decay_draws_weights_to_nothing(lab: Lab) -> None:
    def size(decay: float) -> float:
        run = lab.loaded(
            {"method": "full", "hyperparameters": {"weight_decay": decay, "learning_rate": 1e-2, "num_epochs": 3}}
        )
        run.trainer.train()
        return float(run.model.model.layers[0].mlp.up_proj.weight.detach().norm())

    assert size(1.0) < size(0.0) * 0.95


def test_max_grad_norm_shortens_gradients(lab: Lab) -> None:
    def moved(bound: float) -> float:
        run = lab.loaded(
            {
                "method": "full",
                "hyperparameters": {
                    "max_grad_norm": bound,
                    "optimizer": "sgd",
                    "weight_decay": 0,
                    "learning_rate": 1e-2,
                },
            }
        )
        before = run.model.model.layers[0].mlp.up_proj.weight.detach().clone()
        run.trainer.train()
        return float((run.model.model.layers[0].mlp.up_proj.weight.detach() - before).norm())

    assert moved(1e-4) < moved(1e6) / 100


@pytest.mark.parametrize(
    ("optimizer", "made"), [("adamw", "torch.optim.adamw"), ("adamw_8bit", "bitsandbytes"), ("sgd", "torch.optim.sgd")]
)
def test_optimizer_is_the_one_that_steps(lab: Lab, optimizer: str, made: str) -> None:
    run = lab.loaded({"method": "full", "hyperparameters": {"optimizer": optimizer}})
    run.trainer.train()
    inner = run.trainer.optimizer.optimizer
    assert type(inner).__module__.startswith(made)
    if optimizer == "adamw_8bit":
        held = {tensor.dtype for state in inner.state.values() for tensor in state.values() if hasattr(tensor, "dtype")}
        assert "torch.uint8" in {str(dtype) for dtype in held}


def test_lr_scheduler_type_is_the_shape_of_the_learning_rate(lab: Lab) -> None:
    def rates(shape: str) -> list[float]:
        run = lab.train({"hyperparameters": {"lr_scheduler_type": shape, "learning_rate": 1e-3}})
        return list(run.curve("learning_rate").values())

    assert rates("constant") == [1e-3] * 4
    assert rates("linear") == pytest.approx([1e-3, 0.75e-3, 0.5e-3, 0.25e-3])
    assert rates("cosine")[2] == pytest.approx(0.5e-3)
    assert rates("cosine")[1] > 0.8e-3


def test_logging_steps_is_how_many_steps_a_point_is_the_mean_of(losses: Losses) -> None:
    every, third = losses(), losses(logging_steps=3)
    assert list(third) == [3, 4]
    assert third[3] == pytest.approx((every[1] + every[2] + every[3]) / 3)
    assert third[4] == every[4], "the rest of the last window is told too"


def test_eval_steps_is_when_it_is_evaluated(with_evaluation: Lab) -> None:
    lab = with_evaluation
    assert list(lab.train({"hyperparameters": {"eval_steps": 2}}).curve("eval_loss")) == [2, 4]
    assert list(lab.train({"hyperparameters": {"num_epochs": 2}}).curve("eval_loss")) == [4, 8], "else once an epoch"


def test_save_steps_is_when_checkpoints_are_kept(lab: Lab) -> None:
    assert lab.train({"hyperparameters": {"save_steps": 1}}).steps_kept() == [1, 2, 3, 4]
    assert lab.train({"hyperparameters": {"save_steps": 3}}).steps_kept() == [3, 4]
